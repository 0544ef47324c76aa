"""What `status` says, as one document: from a look at the cluster to what matters of it. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crony_ops.cli.ahead.upcoming import Firing, upcoming
from crony_ops.cli.view.alert_delivery import AlertDelivery, alert_delivery
from crony_ops.cli.view.expected import NOTHING_EXPECTED
from crony_ops.cli.view.job_standing import Standing, State, standings
from crony_ops.cli.view.node_parts import (
    GONE,
    FailoverCounts,
    NodePart,
    failover_counts,
    node_parts,
)
from crony_ops.errors import BadSchedule
from crony_ops.model.alert import Severity  # noqa: TC001 - read for the schema
from crony_ops.store.member_status import MemberStatus  # noqa: TC001 - read for the schema

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crony_ops.cli.view.cluster_view import ClusterView
    from crony_ops.cli.view.expected import Expected

_ALERTS_SHOWN = 5
_RECENT = 3_600


@dataclass(frozen=True, slots=True)
class LivingWatcher:
    """A watcher that lives, leading or standing by. ``started_at`` is in unix seconds."""

    id: str
    host: str
    version: str
    started_at: float


@dataclass(frozen=True, slots=True)
class WatcherPart:
    """``leader`` is empty and ``since`` None while nobody leads. ``alive`` are leader and standbys,
    by their ids."""

    leader: str
    since: float | None
    standbys: tuple[str, ...]
    alive: tuple[LivingWatcher, ...]


@dataclass(frozen=True, slots=True)
class SyncPart:
    """The last sync. ``drift`` says in words how the working tree differs from it; it is empty
    where they agree, and None where that is not known."""

    commit: str
    dirty: bool
    at: float
    who: str
    jobs: int
    added: int
    changed: int
    removed: int
    drift: str | None


@dataclass(frozen=True, slots=True)
class JobCounts:
    """``ok``, ``failing``, ``paused`` and ``unassigned`` add up to ``total``; ``running`` jobs may
    be any of them. ``next`` is the first firing of all."""

    total: int
    ok: int
    failing: int
    paused: int
    unassigned: int
    running: int
    next: Firing | None


@dataclass(frozen=True, slots=True)
class FailingJob:
    """``in_a_row`` counts the failures since the last success, ``since`` is that of the first.
    ``last_run`` is a run's id."""

    job: str
    in_a_row: int
    since: float | None
    last_run: str
    reason: str


@dataclass(frozen=True, slots=True)
class JobWithReason:
    """A job, and why it has no node."""

    job: str
    reason: str


@dataclass(frozen=True, slots=True)
class AlertPart:
    """``job`` is an id and ``node`` a uuid, each empty where it is of none."""

    id: str
    at: float
    severity: Severity
    title: str
    job: str
    node: str


@dataclass(frozen=True, slots=True)
class StatusDocument:
    """All times are unix seconds, sizes are bytes. ``problems`` says in words what makes the
    cluster unhealthy; none means healthy. ``alerts`` are the newest, ``alerts_last_hour`` counts.
    """

    at: float
    revision: int
    cluster: str
    healthy: bool
    problems: tuple[str, ...]
    etcd: tuple[MemberStatus, ...]
    watcher: WatcherPart
    sync: SyncPart | None
    nodes: tuple[NodePart, ...]
    jobs: JobCounts
    failing: tuple[FailingJob, ...]
    unassigned: tuple[JobWithReason, ...]
    failovers: tuple[FailoverCounts, ...]
    alerts: tuple[AlertPart, ...]
    alerts_last_hour: int
    delivery: AlertDelivery
    unreadable: tuple[str, ...]


def status_document(
    view: ClusterView,
    members: Sequence[MemberStatus],
    drift: str | None,
    now: float,
    expected: Expected = NOTHING_EXPECTED,
) -> StatusDocument:
    """``now`` is in unix seconds; ``drift`` is as in `SyncPart`."""
    jobs = standings(view, now)
    counts = _counts(view, jobs, now)
    nodes = node_parts(view, expected.nodes)
    failing = tuple(_failing(view, job) for job in _in_state(jobs, State.failing))
    unassigned = tuple(
        JobWithReason(job.job_id, job.reason) for job in _in_state(jobs, State.unassigned)
    )
    delivery = alert_delivery(view.alerts, now)
    problems = tuple(_problems(view, members, nodes, counts, delivery))
    if expected.trouble:
        problems += (expected.trouble,)
    alerts = sorted(view.alerts, key=lambda alert: (-alert.at, alert.id))
    return StatusDocument(
        at=now,
        revision=view.revision,
        cluster=view.meta.cluster if view.meta else "",
        healthy=not problems,
        problems=problems,
        etcd=tuple(members),
        watcher=_watcher(view),
        sync=_sync(view, drift),
        nodes=nodes,
        jobs=counts,
        failing=failing,
        unassigned=unassigned,
        failovers=tuple(
            failover_counts(view, failover)
            for failover in view.failovers
            if failover.closed_at is None
        ),
        alerts=tuple(
            AlertPart(a.id, a.at, a.severity, a.title, a.job, a.node)
            for a in alerts[:_ALERTS_SHOWN]
        ),
        alerts_last_hour=sum(alert.at > now - _RECENT for alert in alerts),
        delivery=delivery,
        unreadable=view.unreadable,
    )


def member_trouble(member: MemberStatus) -> str:
    """Why a member can't be asked: the last part of what gRPC says is the one that tells."""
    return (member.error or "").rstrip(". ").rpartition(": ")[2]


def _watcher(view: ClusterView) -> WatcherPart:
    leader = view.leader.id if view.leader else ""
    return WatcherPart(
        leader=leader,
        since=view.leader.since if view.leader else None,
        standbys=tuple(sorted(w.id for w in view.watchers if w.id != leader)),
        alive=tuple(
            LivingWatcher(w.id, w.host, w.version, w.started_at)
            for w in sorted(view.watchers, key=lambda watcher: watcher.id)
        ),
    )


def _sync(view: ClusterView, drift: str | None) -> SyncPart | None:
    if view.sync is None:
        return None
    last = view.sync
    return SyncPart(
        commit=last.commit,
        dirty=last.dirty,
        at=last.at,
        who=last.who,
        jobs=last.jobs,
        added=last.added,
        changed=last.changed,
        removed=last.removed,
        drift=drift,
    )


def _counts(view: ClusterView, jobs: Mapping[str, Standing], now: float) -> JobCounts:
    states = Counter(job.state for job in jobs.values())
    firing = {
        job_id: view.specs[job_id].job
        for job_id, job in jobs.items()
        if job.state in (State.ok, State.failing)
    }
    try:
        first = next(upcoming(firing, now), None)
    except BadSchedule:
        # A newer program may have stored what this one can't read: `next` says which job it is.
        first = None
    return JobCounts(
        total=len(jobs),
        ok=states[State.ok],
        failing=states[State.failing],
        paused=states[State.paused],
        unassigned=states[State.unassigned],
        running=sum(job.running > 0 for job in jobs.values()),
        next=first,
    )


def _failing(view: ClusterView, job: Standing) -> FailingJob:
    health = view.healths[job.job_id]
    return FailingJob(
        job=job.job_id,
        in_a_row=health.consecutive_failures,
        since=health.failing_since,
        last_run=health.last_run_id,
        reason=health.last_reason,
    )


def _in_state(jobs: Mapping[str, Standing], state: State) -> list[Standing]:
    return sorted((j for j in jobs.values() if j.state is state), key=lambda job: job.job_id)


def _problems(
    view: ClusterView,
    members: Sequence[MemberStatus],
    nodes: Sequence[NodePart],
    counts: JobCounts,
    delivery: AlertDelivery,
) -> list[str]:
    problems = [
        f"etcd member {m.name} is down: {member_trouble(m)}" for m in members if m.error is not None
    ]
    problems += [f"etcd member {m.name}: {alarm}" for m in members for alarm in m.alarms]
    if view.leader is None:
        problems.append("no watcher leads")
    problems += [
        f"node {node.name} is lost with {node.jobs:,} {_jobs(node.jobs)} left on it"
        for node in nodes
        if node.state == "lost" and node.jobs
    ]
    problems += [
        f"node {node.name} is lost, and the inventory has it"
        for node in nodes
        if node.state == "lost" and not node.jobs and node.in_inventory
    ]
    problems += [f"node {node.name} is missing" for node in nodes if node.state == "missing"]
    if counts.failing:
        problems.append(f"{counts.failing:,} {_jobs(counts.failing)} failing")
    if counts.unassigned:
        problems.append(f"{counts.unassigned:,} {_jobs(counts.unassigned)} without a node")
    problems += [
        f"the clock of {node.name} is {node.clock_offset:+.1f} s off"
        for node in nodes
        if node.clock_offset is not None and node.state not in GONE
    ]
    problems += delivery.troubles
    problems += [f"{key} can't be read" for key in view.unreadable]
    return problems


def _jobs(count: int) -> str:
    return "job" if count == 1 else "jobs"
