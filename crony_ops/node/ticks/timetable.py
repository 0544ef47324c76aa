"""When to look at which job next: a heap, and one sleeper that reads the wall clock anew."""

from __future__ import annotations

import asyncio
import heapq
import math
import time

from crony_ops.node import wall_clock

_STEP = 1.0
"""Seconds: less is how clocks are kept right."""


class Timetable:
    """Job ids by the wall time (unix seconds) at which each wants to be looked at next.

    A job stands in it once, at the earliest time that it was set to. When the clock is put back all
    are due at once: what was set by the wrong clock may be far ahead, and nothing else wakes a job.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, str]] = []
        self._at: dict[str, float] = {}
        self._earlier = asyncio.Event()
        self._clock = wall_clock.clock_offset()

    def set(self, job_id: str, at: float) -> None:
        """Unless the job stands there for an earlier time already."""
        if self._at.get(job_id, at + 1) <= at:
            return
        self._at[job_id] = at
        heapq.heappush(self._heap, (at, job_id))
        if self._heap[0] == (at, job_id):
            self._earlier.set()

    def drop(self, job_id: str) -> None:
        self._at.pop(job_id, None)

    async def due(self) -> list[str]:
        """Wait until at least one job is due; those that are leave the timetable."""
        while True:
            jobs = self._pop(math.inf if self._was_put_back() else time.time())
            if jobs:
                return jobs
            self._earlier.clear()
            wait = (
                min(self._heap[0][0] - time.time(), wall_clock.LONGEST_SLEEP)
                if self._heap
                else None
            )
            try:
                async with asyncio.timeout(None if wait is None else max(0.0, wait)):
                    await self._earlier.wait()
            except TimeoutError:
                pass

    def _was_put_back(self) -> bool:
        before, self._clock = self._clock, wall_clock.clock_offset()
        return self._clock < before - _STEP

    def _pop(self, now: float) -> list[str]:
        jobs = []
        while self._heap and (self._heap[0][0] <= now or self._is_stale(self._heap[0])):
            at, job_id = heapq.heappop(self._heap)
            if self._at.get(job_id) == at:
                del self._at[job_id]
                jobs.append(job_id)
        return jobs

    def _is_stale(self, item: tuple[float, str]) -> bool:
        at, job_id = item
        return self._at.get(job_id) != at
