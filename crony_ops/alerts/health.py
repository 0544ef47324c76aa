"""What the end of a run does to what is counted of its job. Pure."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from crony_ops.model.run import RunState

if TYPE_CHECKING:
    from crony_ops.model.cluster import Health
    from crony_ops.model.job import Job
    from crony_ops.model.run import News

DURATIONS_KEPT = 20
DURATIONS_NEEDED = 5
"""With fewer nobody knows what is usual."""
DRAGGING_KEPT = 100
"""More runs of a job than that are not under way at a time, by any sense."""
SLOWER = 3
LEAST_SLOW = 1.0
"""Seconds: what is over sooner is never slow by comparison."""


def health_after(health: Health, news: News) -> Health:
    """What one end does to a job's health. A skipped run says nothing about the job."""
    if news.state == "missed":
        return health.model_copy(update={"missed": health.missed + news.count})
    last = {
        "last_state": news.state,
        "last_run_id": news.run_id,
        "last_at": news.at,
        "last_reason": news.reason,
        "last_node": news.node,
    }
    match news.state:
        case RunState.succeeded:
            return health.model_copy(
                update={**last, "consecutive_failures": 0, "failing_since": None}
            )
        case RunState.failed | RunState.timed_out:
            return health.model_copy(
                update={
                    **last,
                    "consecutive_failures": health.consecutive_failures + 1,
                    "failing_since": health.failing_since or news.at,
                }
            )
        case RunState.lost:
            return health.model_copy(update={**last, "lost": health.lost + 1})
        case _:
            return health.model_copy(update=last)


def slow_limit(health: Health, job: Job) -> float | None:
    """Seconds beyond which a run is slow; None: there is no limit, or none is known yet."""
    slow = job.notify.slow
    if slow != "auto":
        return slow
    if len(health.durations) < DURATIONS_NEEDED:
        return None
    return max(SLOWER * median(health.durations), LEAST_SLOW)


def with_duration(health: Health, job: Job, took: float) -> Health:
    """What ``slow: auto`` compares the next success with. Kept for such jobs alone."""
    by_usual = job.notify.slow == "auto"
    kept = (*health.durations, round(took, 3))[-DURATIONS_KEPT:] if by_usual else ()
    return health if kept == health.durations else health.model_copy(update={"durations": kept})
