"""Whether a moment falls into a job's windows of maintenance, and when that is over. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crony_ops.errors import BadSchedule
from crony_ops.schedule import parse_schedule

if TYPE_CHECKING:
    from crony_ops.model.job import Job

_MOST_IN_A_ROW = 100


def rests_until(job: Job, job_id: str, at: float) -> float | None:
    """When the window that ``at`` falls into ends, with those that follow on it without a break;
    None outside of them. Unix seconds."""
    end = None
    for _ in range(_MOST_IN_A_ROW):
        later = _end_of_a_window(job, job_id, at)
        if later is None:
            return end
        at = end = later
    return end


def _end_of_a_window(job: Job, job_id: str, at: float) -> float | None:
    ends = []
    for window in job.maintenance:
        try:
            schedule = parse_schedule(window.schedule, timezone=job.timezone, job_id=job_id)
        except BadSchedule:
            continue  # a newer version's: better told too often than never
        began = schedule.newest_at(int(at))
        if began is not None and began + window.duration > at:
            ends.append(float(began + window.duration))
    return max(ends, default=None)
