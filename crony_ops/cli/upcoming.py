"""Which jobs fire next, in the order of time. Pure."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crony_ops.schedule import Schedule, parse_schedule, splay_offset

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from crony_ops.model.job import Job


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
    schedules = {job_id: _schedule(job_id, job) for job_id, job in jobs.items()}
    offsets = {job_id: splay_offset(job_id, job.splay) for job_id, job in jobs.items()}
    heap = [
        _after(schedule, job_id, int(now) - offsets[job_id], offsets[job_id])
        for job_id, schedule in schedules.items()
    ]
    heapq.heapify(heap)
    while heap:
        firing = heap[0]
        yield firing
        job_id = firing.job
        heapq.heapreplace(heap, _after(schedules[job_id], job_id, firing.tick, offsets[job_id]))


def _schedule(job_id: str, job: Job) -> Schedule:
    return parse_schedule(job.schedule, timezone=job.timezone, job_id=job_id)


def _after(schedule: Schedule, job_id: str, tick: int, offset: int) -> Firing:
    following = schedule.next_after(tick)
    return Firing(at=following + offset, job=job_id, tick=following)
