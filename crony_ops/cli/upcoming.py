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
    schedules = _schedules(jobs)
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


def _schedules(jobs: Mapping[str, Job]) -> dict[str, Schedule]:
    """Jobs that are written alike share a schedule: reading one is most of the work here."""
    read: dict[tuple[str, str, str], Schedule] = {}
    schedules = {}
    for job_id, job in jobs.items():
        # The id has a say where there is an H. A few more words have one, and are read for nothing.
        hashed_by = job_id if "h" in job.schedule.lower() else ""
        written = (job.schedule, job.timezone, hashed_by)
        if written not in read:
            read[written] = parse_schedule(job.schedule, timezone=job.timezone, job_id=job_id)
        schedules[job_id] = read[written]
    return schedules


def _after(schedule: Schedule, job_id: str, tick: int, offset: int) -> Firing:
    following = schedule.next_after(tick)
    return Firing(at=following + offset, job=job_id, tick=following)
