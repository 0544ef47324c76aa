"""The order to end a run: it may come while something of the run is awaited, or between."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

from crony_ops.model.duration import format_duration
from crony_ops.model.run import RunState

if TYPE_CHECKING:
    from collections.abc import Awaitable


class StopOrder:
    """``given`` is the state that the run is to end in, and the reason; None while it may go on.
    ``first`` is the signal that its processes get at first."""

    def __init__(self) -> None:
        self.given: tuple[RunState, str] | None = None
        self.first = signal.SIGTERM
        self._scope: asyncio.Timeout | None = None

    def give(self, state: RunState, reason: str, first: signal.Signals = signal.SIGTERM) -> None:
        """Whatever is awaited is awaited no longer. The first order counts."""
        if self.given is None:
            self.given, self.first = (state, reason), first
            if self._scope is not None and not self._scope.expired():
                self._scope.reschedule(0)

    async def within(self, limit: float | None, work: Awaitable[object]) -> None:
        """Awaits the work until it is done, or the limit (in seconds) has passed, or the order is
        given. The caller sees from the work itself whether it was done."""
        try:
            async with asyncio.timeout(limit) as scope:
                self._scope = scope
                if self.given is None:
                    await work
                elif asyncio.iscoroutine(work):
                    work.close()
        except TimeoutError:
            pass
        finally:
            self._scope = None

    def or_timed_out(self, limit: float | None) -> tuple[RunState, str]:
        """Why work was not done ``within`` that limit."""
        return self.given or (
            RunState.timed_out,
            f"timed out after {format_duration(limit or 0)}",
        )
