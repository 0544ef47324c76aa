"""Which jobs fire next, in the order of time. Pure."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crony_ops.schedule.herd import groups_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from crony_ops.model.job import Job
    from crony_ops.schedule import Schedule


@dataclass(frozen=True, slots=True, order=True)
class Firing:
    """One tick of one job, in unix seconds: it is due at ``tick`` and fires, splayed, at ``at``."""

    at: int
    job: str
    tick: int


def upcoming(jobs: Mapping[str, Job], now: float) -> Iterator[Firing]:
    """All firings after ``now``, without end unless there is no job; the earliest first.

    Raises BadSchedule for a job whose schedule is none.
    """
    known = {job_id: group for group, ids in groups_of(jobs).items() for job_id in ids}
    heap = [
        _after(group.schedule, job_id, int(now) - group.offset, group.offset)
        for job_id, group in known.items()
    ]
    heapq.heapify(heap)
    while heap:
        firing = heap[0]
        yield firing
        schedule, offset = known[firing.job]
        heapq.heapreplace(heap, _after(schedule, firing.job, firing.tick, offset))


def _after(schedule: Schedule, job_id: str, tick: int, offset: int) -> Firing:
    following = schedule.next_after(tick)
    return Firing(at=following + offset, job=job_id, tick=following)
