"""What `jobs` lists: each job on one line. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from crony_ops.cli.ahead.upcoming import Firing, upcoming
from crony_ops.cli.view.job_standing import State, standings
from crony_ops.errors import BadSchedule
from crony_ops.model.run import GapRecord, RunRecord, RunState

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from crony_ops.cli.view.cluster_view import ClusterView
    from crony_ops.model.spec import Spec

ENDED_WELL = (RunState.succeeded, RunState.skipped)


@dataclass(frozen=True, slots=True)
class LastRun:
    """``at`` is its end in unix seconds; ``missed`` are ticks that were not run."""

    run_id: str
    state: RunState | Literal["missed"]
    at: float
    node: str
    reason: str


@dataclass(frozen=True, slots=True)
class JobRow:
    """``nodes`` are names. ``next`` is None for a job that is paused, has no node, or
    whose schedule means nothing to this version."""

    job: str
    schedule: str
    timezone: str
    state: State
    reason: str
    nodes: tuple[str, ...]
    running: int
    last: LastRun | None
    next: Firing | None
    file: str
    line: int
    labels: dict[str, str]


@dataclass(frozen=True, slots=True)
class JobList:
    """What `jobs` lists, by id. ``at`` is in unix seconds."""

    at: float
    jobs: list[JobRow]


def job_rows(
    view: ClusterView,
    last_runs: Mapping[str, RunRecord | GapRecord],
    chosen: Collection[str],
    now: float,
) -> list[JobRow]:
    """The ``chosen`` jobs by id. ``last_runs`` has the newest record of each that has one."""
    found = standings(view, now)
    return [
        JobRow(
            job=job_id,
            schedule=view.specs[job_id].job.schedule,
            timezone=view.specs[job_id].job.timezone,
            state=found[job_id].state,
            reason=found[job_id].reason,
            nodes=tuple(sorted(view.name_of(node) for node in found[job_id].nodes)),
            running=found[job_id].running,
            last=last_run(last_runs[job_id]) if job_id in last_runs else None,
            next=next_of_one(job_id, view.specs[job_id], now)
            if found[job_id].state in (State.ok, State.failing)
            else None,
            file=view.specs[job_id].source.file,
            line=view.specs[job_id].source.line,
            labels=view.specs[job_id].job.labels,
        )
        for job_id in sorted(chosen)
    ]


def last_run(record: RunRecord | GapRecord) -> LastRun:
    if isinstance(record, GapRecord):
        name = record.node_name or record.node
        return LastRun(record.run_id, "missed", record.at, name, record.reason)
    name = record.node_name or record.node
    return LastRun(record.run_id, record.state, record.ended_at, name, record.reason)


def next_of_one(job_id: str, spec: Spec, now: float) -> Firing | None:
    """None where the schedule means nothing to this version: a newer one may have stored it."""
    try:
        return next(upcoming({job_id: spec.job}, now))
    except BadSchedule:
        return None
