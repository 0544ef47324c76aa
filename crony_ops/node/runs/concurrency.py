"""Whether a run may start while others of its job run. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import TYPE_CHECKING

from crony_ops.model.job import Concurrency, Job
from crony_ops.model.run import RunKind

if TYPE_CHECKING:
    from crony_ops.model.run import QueuedRun
    from crony_ops.node.runs.active_run import ActiveRun

_NAMED = 3
"""Runs named in a reason: a job may be allowed a thousand."""


class Answer(Enum):
    start = "start"
    skip = "skip"
    wait = "wait"
    """Until one of them has ended, then ask again."""
    replace = "replace"
    """End them all, and what waits for them; wait, then ask again."""


def slots(job: Job) -> int | None:
    """How many runs of the job there may be at once; None: as many as come."""
    return job.max_concurrent if job.concurrency is Concurrency.allow else 1


def may_start(job: Job, kind: RunKind, running: Sequence[str]) -> Answer:
    """``running``: the ids of the runs that have started and not ended. What was queued has waited
    already, and is never dropped for want of a slot."""
    limit = slots(job)
    if limit is None or len(running) < limit:
        return Answer.start
    if kind is RunKind.queued:
        return Answer.wait
    return Answer.replace if job.concurrency is Concurrency.replace else Answer.skip


def replaced_with(waiting: QueuedRun, under_way: Iterable[ActiveRun]) -> str:
    """The run that replaced what a queued one was waiting for, and so the queued one, too; empty
    where none has. It would else wait for ever where each run is replaced by the next."""
    for active in under_way:
        waited = waiting.not_before <= active.fires_at and waiting.tick < active.run.tick
        if active.replaced and waited:
            return active.run.run_id
    return ""


def named(run_ids: Sequence[str]) -> str:
    """Some runs, in a reason."""
    more = len(run_ids) - _NAMED
    return ", ".join(run_ids[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def replaced_early(by: str) -> str:
    """Why a run is skipped that waited for one that another replaced."""
    return f"replaced by {by} before it could start"


def still_running(running: Sequence[str]) -> str:
    """Why a run is skipped."""
    if len(running) == 1:
        return f"{running[0]} was still running"
    return f"{len(running)} runs were still running: {named(running)}"
