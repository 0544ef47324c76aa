"""Whose clock is wrong: each node's wall time against the median of all, the leader's included."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median

LEADER = ""


@dataclass(slots=True)
class ClockSamples:
    """The newest offsets (node's clock less the leader's, in seconds) seen with live renewals.

    One sample may be late for a reason of its own, a frozen process say; two in a row tell.
    """

    _offsets: dict[str, deque[float]] = field(default_factory=dict)

    def add(self, node: str, offset: float) -> None:
        self._offsets.setdefault(node, deque(maxlen=2)).append(offset)

    def forget(self, node: str) -> None:
        self._offsets.pop(node, None)

    def offsets(self) -> dict[str, float]:
        """For each node with two samples, the one nearer to nought."""
        return {
            node: min(samples, key=abs)
            for node, samples in self._offsets.items()
            if len(samples) == 2
        }


def wrong_clocks(offsets: Mapping[str, float], tolerance: float) -> dict[str, float]:
    """Nodes, and ``LEADER`` itself, that stand off the median by more than ``tolerance`` seconds.

    Below three clocks nobody can tell which of them is wrong: then none is.
    """
    clocks = {**offsets, LEADER: 0.0}
    if len(clocks) < 3:
        return {}
    middle = median(clocks.values())
    return {
        node: offset - middle for node, offset in clocks.items() if abs(offset - middle) > tolerance
    }
