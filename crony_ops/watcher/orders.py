"""The leader's decisions as transactions: each compares what it was decided on. Pure.

The leader's own fence is not here: it is the guard of the batch that carries them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crony_ops.model.cluster import Alert, Failover, Health, JobOutcome, Outcome, Severity
from crony_ops.model.node import Node, Roster
from crony_ops.model.run import News, OpenRun, RunRecord, RunState, rerun_of
from crony_ops.model.spec import Assignment, Cursor, Spec
from crony_ops.store import (
    Compare,
    Op,
    Txn,
    absent,
    absent_under,
    delete,
    delete_prefix,
    exists,
    mod_is,
    put,
)
from crony_ops.store.endings import end_run

if TYPE_CHECKING:
    from crony_ops.store import Entry
    from crony_ops.store.keys import Keys
    from crony_ops.watcher.placement import Step
    from crony_ops.watcher.view import Seen

MAX_RUNS_IN_A_STEP = 8
MAX_IDS_IN_AN_ALERT = 20


@dataclass(frozen=True, slots=True)
class Loss:
    """A life of a node that ended, as far as one of its jobs is concerned."""

    node_name: str
    incarnation: int | None
    runs: Sequence[Seen[OpenRun]]
    failover_is_open: bool


def step_order(
    keys: Keys,
    step: Step,
    *,
    now: float,
    spec: Entry,
    wanted: Spec,
    given: Entry | None,
    cursor: Entry | None,
    loss: Loss | None,
    fence_delay: float,
) -> Txn:
    """One job's step. ``given`` is its assignment at the source; ``loss`` is set when the source
    is dead. The cursor is the target's, and moves up to now where what is due has changed."""
    job_id = step.job_id
    when: list[Compare] = [mod_is(keys.spec(job_id), spec.mod_revision)]
    then: list[Op] = []
    if given is not None:
        when.append(mod_is(given.key, given.mod_revision))
    if step.target and step.target != step.source:
        when += [exists(keys.node(step.target)), absent(keys.job(step.target, job_id))]
    if step.source and step.source != step.target:
        then.append(delete(keys.job(step.source, job_id)))
        if loss is None:
            when.append(absent_under(f"{keys.open_on(step.source)}{job_id}/"))
    if loss is not None:
        outcome = Outcome.moved if step.target else Outcome.unplaced
        ended, ops = loss_order(
            keys, step.source, job_id, loss, outcome, step.target, now, fence_delay
        )
        when += ended
        then += ops
    if step.target:
        assignment = Assignment(
            job=wanted.job,
            preset_sums=wanted.preset_sums,
            sha256=wanted.sha256,
            spec_revision=spec.mod_revision,
            assigned_at=now,
            moved_from=step.source if step.source != step.target else "",
        )
        then.append(put(keys.job(step.target, job_id), assignment.to_json()))
        cursor_key = keys.cursor(job_id, step.target if wanted.job.run_on.every else "")
        if _starts_anew(spec, wanted, given, cursor):
            tick = max(int(now), _tick(cursor))
        elif given is None:
            tick = _tick(cursor)
        else:
            return Txn(tuple(when), tuple(then))
        when.append(mod_is(cursor_key, cursor.mod_revision if cursor else 0))
        then.append(put(cursor_key, Cursor(tick=tick).to_json()))
    return Txn(tuple(when), tuple(then))


def _starts_anew(spec: Entry, wanted: Spec, given: Entry | None, cursor: Entry | None) -> bool:
    """Whether ticks up to now are none of this assignment's business.

    So it is with a job that is new (or left the files and came back), with a node that is new to
    a job that runs on every node, and with a change of the schedule, the zone or ``run_on``.
    """
    if cursor is None or spec.create_revision > cursor.mod_revision:
        return True
    if given is None:
        return wanted.job.run_on.every
    if spec.create_revision > given.mod_revision:
        return True
    try:
        before = Assignment.from_json(given.value).job
    except ValueError:
        return True
    after = wanted.job
    return (before.schedule, before.timezone, before.run_on) != (
        after.schedule,
        after.timezone,
        after.run_on,
    )


def _tick(cursor: Entry | None) -> int:
    if cursor is None:
        return 0
    try:
        return Cursor.from_json(cursor.value).tick
    except ValueError:
        return 0


def loss_order(
    keys: Keys,
    node: str,
    job_id: str,
    loss: Loss,
    outcome: Outcome,
    target: str,
    now: float,
    fence_delay: float,
    reason: str = "",
) -> tuple[list[Compare], list[Op]]:
    """What a node's death means for one of its jobs: its runs are lost, its outcome is noted."""
    when = [absent(keys.node(node))]
    then: list[Op] = []
    runs = loss.runs[:MAX_RUNS_IN_A_STEP]
    for seen in runs:
        ended = lost_run(keys, seen, loss.node_name, now, fence_delay)
        when += ended.when
        then += [op for op in ended.then if isinstance(op, Op)]
    if loss.failover_is_open and loss.incarnation is not None:
        noted = JobOutcome(
            job_id=job_id, outcome=outcome, to=target, reason=reason, lost_runs=len(runs)
        )
        then.append(put(keys.failover_job(node, loss.incarnation, job_id), noted.to_json()))
    return when, then


def lost_run(
    keys: Keys, seen: Seen[OpenRun], node_name: str, now: float, fence_delay: float
) -> Txn:
    """A run whose node died under it. Its re-run waits until a node that only seems dead has
    surely ended it."""
    run = seen.value
    record = RunRecord(
        run_id=run.run_id,
        job_id=run.job_id,
        tick=run.tick,
        state=RunState.lost,
        kind=run.kind,
        node=run.node,
        node_name=node_name,
        reason=f"its node {node_name} was lost",
        rerun=run.rerun,
        ended_at=now,
    )
    rerun = rerun_of(run, node_name, f"was lost with {node_name}", now + fence_delay)
    return Txn(
        (mod_is(seen.entry.key, seen.entry.mod_revision), absent(keys.node(run.node))),
        tuple(end_run(keys, record, news=True, rerun=rerun)),
    )


def note_node(keys: Keys, node: Node, before: Entry | None, now: float) -> Txn:
    """The roster remembers a node that is up."""
    key = keys.roster(node.uuid)
    return Txn(
        (mod_is(key, before.mod_revision if before else 0), exists(keys.node(node.uuid))),
        (put(key, Roster(node=node, seen_at=now).to_json()),),
    )


def declare_lost(keys: Keys, roster: Seen[Roster], now: float) -> Txn:
    """The node's key is gone: the roster says since when, and its failover is under way."""
    node = roster.value.node
    failover = Failover(
        node=node.uuid, node_name=node.name, incarnation=node.incarnation, started_at=now
    )
    lost = roster.value.model_copy(update={"lost_at": now})
    return Txn(
        (
            absent(keys.node(node.uuid)),
            mod_is(roster.entry.key, roster.entry.mod_revision),
        ),
        (
            put(roster.entry.key, lost.to_json()),
            put(keys.failover(node.uuid, node.incarnation), failover.to_json()),
        ),
    )


def close_failover(
    keys: Keys, failover: Seen[Failover], outcomes: Sequence[JobOutcome], now: float
) -> tuple[Txn, Alert]:
    """No job is left to decide on: the counts are final, and the alert is made with them."""
    moved = sorted(o.job_id for o in outcomes if o.outcome is Outcome.moved)
    failed = sorted(o.job_id for o in outcomes if o.outcome.failed)
    bound = sum(o.outcome is Outcome.bound for o in outcomes)
    lost_runs = sum(o.lost_runs for o in outcomes)
    before = failover.value
    closed = before.model_copy(
        update={
            "closed_at": now,
            "moved": len(moved),
            "failed": len(failed),
            "bound": bound,
            "lost_runs": lost_runs,
            "moved_jobs": tuple(moved[:MAX_IDS_IN_AN_ALERT]),
            "failed_jobs": tuple(failed[:MAX_IDS_IN_AN_ALERT]),
        }
    )
    alert = Alert(
        id=f"node-lost.{before.node_name}.{before.incarnation:x}",
        cause="node lost",
        severity=Severity.critical if failed else Severity.warning,
        title=f"node {before.node_name} is lost",
        message=(
            f"{_count(len(moved), 'job')} moved{_ids(moved)}; {len(failed)} failed{_ids(failed)}; "
            f"{bound} bound to the node; {_count(lost_runs, 'run')} lost"
        ),
        at=now,
        node=before.node,
    )
    txn = Txn(
        (mod_is(failover.entry.key, failover.entry.mod_revision),),
        (
            put(failover.entry.key, closed.to_json()),
            put(keys.alert(alert.id), alert.to_json()),
            delete_prefix(keys.failover_jobs(before.node, before.incarnation)),
        ),
    )
    return txn, alert


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"


def _ids(ids: Sequence[str]) -> str:
    if not ids:
        return ""
    more = len(ids) - MAX_IDS_IN_AN_ALERT
    return f" ({', '.join(ids[:MAX_IDS_IN_AN_ALERT])}{f' and {more} more' if more > 0 else ''})"


def tidy_removed(
    keys: Keys,
    job_id: str,
    *,
    assignments: Sequence[Entry],
    cursors: Sequence[Entry],
    pause: Entry | None,
    lease: int,
) -> Txn:
    """A job that left the files: all of it goes, but its cursor stays on a lease for a day, so
    that the job can come back without running a tick again."""
    when = [absent(keys.spec(job_id))]
    then: list[Op] = []
    for entry in assignments:
        when.append(mod_is(entry.key, entry.mod_revision))
        then.append(delete(entry.key))
    for entry in cursors:
        when.append(mod_is(entry.key, entry.mod_revision))
        then.append(put(entry.key, entry.value, lease=lease))
    if pause is not None:
        when.append(mod_is(pause.key, pause.mod_revision))
        then.append(delete(pause.key))
    then += [
        delete(keys.health(job_id)),
        delete(keys.once(job_id)),
        delete_prefix(keys.queue_of(job_id)),
    ]
    return Txn(tuple(when), tuple(then))


def start_cursor(assignment: Entry, cursor_key: str, now: float) -> Txn:
    """An assigned job whose cursor is missing starts from now."""
    return Txn(
        (mod_is(cursor_key, 0), mod_is(assignment.key, assignment.mod_revision)),
        (put(cursor_key, Cursor(tick=int(now)).to_json()),),
    )


def take_news(
    keys: Keys, job_id: str, news: Sequence[Seen[News]], before: Seen[Health] | None
) -> Txn:
    """News go into the job's health, each once: their keys go in the same transaction."""
    health = before.value if before is not None else Health()
    for seen in sorted(news, key=lambda s: (s.value.at, s.value.run_id)):
        health = health_after(health, seen.value)
    key = keys.health(job_id)
    return Txn(
        (
            mod_is(key, before.entry.mod_revision if before is not None else 0),
            *(mod_is(seen.entry.key, seen.entry.mod_revision) for seen in news),
        ),
        (put(key, health.to_json()), *(delete(seen.entry.key) for seen in news)),
    )


def health_after(health: Health, news: News) -> Health:
    """What one end does to a job's health. A skipped run says nothing about the job."""
    if news.state == "missed":
        return health.model_copy(update={"missed": health.missed + news.count})
    last = {
        "last_state": news.state,
        "last_run_id": news.run_id,
        "last_at": news.at,
        "last_reason": news.reason,
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


def note_unplaced(
    keys: Keys, job_id: str, before: Seen[Health] | None, reason: str, revision: int, now: float
) -> tuple[Txn, Alert]:
    """A job has no node: its health says since when, and an alert why."""
    health = before.value if before is not None else Health()
    key = keys.health(job_id)
    alert = Alert(
        id=f"unassigned.{job_id}.{revision}.{int(now)}",
        cause="unassigned",
        severity=Severity.warning,
        title=f"job {job_id} has no node",
        message=reason,
        at=now,
        job=job_id,
    )
    txn = Txn(
        (mod_is(key, before.entry.mod_revision if before is not None else 0),),
        (
            put(key, health.model_copy(update={"unplaced_since": now}).to_json()),
            put(keys.alert(alert.id), alert.to_json()),
        ),
    )
    return txn, alert


def note_placed(before: Seen[Health]) -> Txn:
    health = before.value.model_copy(update={"unplaced_since": None})
    return Txn(
        (mod_is(before.entry.key, before.entry.mod_revision),),
        (put(before.entry.key, health.to_json()),),
    )


def note_clock(
    roster: Seen[Roster], keys: Keys, offset: float | None, now: float
) -> tuple[Txn, Alert | None]:
    """A clock went wrong (``offset`` in seconds off the median), or is right again (None)."""
    node = roster.value.node
    changed = roster.value.model_copy(update={"clock_offset": offset})
    ops = [put(roster.entry.key, changed.to_json())]
    alert = None
    if offset is not None:
        alert = Alert(
            id=f"clock.{node.name}.{node.incarnation:x}.{int(now)}",
            cause="clock",
            severity=Severity.warning,
            title=f"the clock of {node.name} is wrong",
            message=f"it is {offset:+.1f} s off the median; it gets no new jobs until then",
            at=now,
            node=node.uuid,
        )
        ops.append(put(keys.alert(alert.id), alert.to_json()))
    return Txn((mod_is(roster.entry.key, roster.entry.mod_revision),), tuple(ops)), alert


def raise_alert(keys: Keys, alert: Alert) -> Txn:
    """Created once: its id follows from its cause."""
    return Txn((absent(keys.alert(alert.id)),), (put(keys.alert(alert.id), alert.to_json()),))
