"""How fast a service may be told things. Pure: the clock is the caller's."""

from __future__ import annotations

from collections import deque


class Pace:
    """``limits``: at most so many in so many seconds, each."""

    def __init__(self, *limits: tuple[int, float]) -> None:
        self._limits = limits
        self._sent: deque[float] = deque(maxlen=max(count for count, _ in limits))

    def wait(self, now: float) -> float:
        """Seconds until one more is within all limits."""
        return max(self._wait(count, span, now) for count, span in self._limits)

    def note(self, now: float) -> None:
        self._sent.append(now)

    def _wait(self, count: int, span: float, now: float) -> float:
        if len(self._sent) < count:
            return 0.0
        return max(self._sent[-count] + span - now, 0.0)
