"""How jobs fare: the news of their runs, whether they have a node at all, and who is told of it.

What is told goes in the transaction that writes the health: none is told twice, and none is lost.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from crony_ops.alerts.health import LEAST_SLOW
from crony_ops.alerts.reminders import due, is_due
from crony_ops.alerts.rules import drags_on, hear
from crony_ops.alerts.unassigned import has_node, lacks_node
from crony_ops.alerts.watched import Watched
from crony_ops.model.cluster import Failover, Health
from crony_ops.model.job import Job
from crony_ops.model.spec import Spec
from crony_ops.store import Txn, delete, mod_is, put
from crony_ops.watcher.order import Order, make_alerts

if TYPE_CHECKING:
    from crony_ops.alerts.watched import Ruled
    from crony_ops.model.alert import Alert
    from crony_ops.model.run import News, OpenRun
    from crony_ops.store import Compare, Op
    from crony_ops.watcher.view import Seen, View

MAX_NEWS_IN_AN_ORDER = 30
MOST_DRAGGING_IN_AN_ORDER = 30
TOLD_WITH_NODE = 600.0
"""Seconds after a node's loss was told in which its jobs are not told of, each on its own."""


def digest(view: View, now: float) -> Iterable[Order]:
    """News go into their job's health, each once: their keys go in the same transaction. One from
    a clock that is ahead is of ``now``: what is told of it would else be quiet until then."""
    by_job: dict[str, list[Seen[News]]] = {}
    for tail, seen in view.news.items():
        by_job.setdefault(tail.partition("/")[0], []).append(seen)
    for job_id, news in by_job.items():
        oldest = sorted(news, key=lambda s: (s.value.at, s.value.run_id))[:MAX_NEWS_IN_AN_ORDER]
        health = _health(view, job_id)
        alerts: tuple[Alert, ...] = ()
        for seen in oldest:
            watched = _watched(view, job_id, seen.value.node)
            news_by_now = seen.value.model_copy(update={"at": min(seen.value.at, now)})
            health, told = hear(health, news_by_now, watched)
            alerts += told
        taken = [mod_is(seen.entry.key, seen.entry.mod_revision) for seen in oldest]
        yield _ruled(
            view, job_id, (health, alerts), taken, [delete(seen.entry.key) for seen in oldest]
        )


def reminders(view: View, now: float) -> Iterable[Order]:
    """What is to be told because time has passed; of a paused job nothing."""
    resting = view.resting()
    for job_id, seen in view.healths.items():
        if is_due(seen.value, now) and job_id not in resting and view.wants.entry(job_id):
            ruled = due(seen.value, _watched(view, job_id, seen.value.last_node), now)
            if ruled[0] is not seen.value:
                yield _ruled(view, job_id, ruled)


def dragging(view: View, now: float) -> Iterable[Order]:
    """Runs that have been under way for longer than they should be: one that hangs has no end.

    Of a node that is away, its own message tells; by a clock that is off nobody knows for how long.
    """
    by_job: dict[str, list[Seen[OpenRun]]] = {}
    for tail, seen in view.opens.items():
        if 0 < seen.value.claimed_at < now - LEAST_SLOW:
            by_job.setdefault(tail.split("/")[1], []).append(seen)
    for job_id, runs in by_job.items():
        health = _health(view, job_id)
        watched = _watched(view, job_id, runs[0].value.node)
        alerts: tuple[Alert, ...] = ()
        under_way: list[Compare] = []
        for seen in runs:
            roster = view.rosters.get(seen.value.node)
            if roster is None or roster.value.lost_at or roster.value.clock_offset is not None:
                continue
            after, told = drags_on(health, seen.value, roster.value.node.name, watched, now)
            if after is not health:
                health, alerts = after, alerts + told
                under_way.append(mod_is(seen.entry.key, seen.entry.mod_revision))
            if len(under_way) == MOST_DRAGGING_IN_AN_ORDER:
                break  # the next look goes on with those that were not told of
        if under_way:
            yield _ruled(view, job_id, (health, alerts), under_way)


def placed_or_not(
    view: View, overdue: Mapping[str, str], unplaced: Collection[str], now: float
) -> Iterable[Order]:
    """``overdue``: jobs that have had no node for too long, with the reason."""
    with_node = _told_with_node(view, now) if overdue else {}
    for job_id, reason in overdue.items():
        health = _health(view, job_id)
        spec = view.wants.entry(job_id)
        if spec is not None and health.unplaced_since is None:
            watched = _watched(view, job_id, health.last_node)
            ruled = lacks_node(health, watched, reason, now, told_at=with_node.get(job_id))
            yield _ruled(view, job_id, ruled)
    for job_id, seen in view.healths.items():
        # Of a job that is removed, or whose spec can't be read, nobody knows that it has one.
        is_wanted = view.wants.get(job_id) is not None
        if seen.value.unplaced_since is not None and job_id not in unplaced and is_wanted:
            watched = _watched(view, job_id, seen.value.last_node)
            yield _ruled(view, job_id, has_node(seen.value, watched, now))


def _told_with_node(view: View, now: float) -> dict[str, float]:
    """The jobs that a node's loss has just left without a node, and when that was told."""
    return {
        job_id: seen.value.closed_at
        for _, seen in view.failovers.items()
        if isinstance(seen.value, Failover)
        and seen.value.closed_at is not None
        and seen.value.closed_at > now - TOLD_WITH_NODE
        for job_id in seen.value.failed_jobs
    }


def _ruled(
    view: View, job_id: str, ruled: Ruled, when: Sequence[Compare] = (), then: Sequence[Op] = ()
) -> Order:
    health, alerts = ruled
    key, entry = view.keys.health(job_id), view.healths.entry(job_id)
    txn = Txn(
        (mod_is(key, entry.mod_revision if entry else 0), *when),
        (
            put(key, health.to_json()),
            *then,
            *make_alerts(view.keys, alerts),
        ),
    )
    return Order(txn, alerts, job=job_id)


def _health(view: View, job_id: str) -> Health:
    """One that can't be read is begun anew, in its place."""
    seen = view.healths.get(job_id)
    return seen.value if seen is not None else Health()


def _watched(view: View, job_id: str, node: str) -> Watched:
    """``node``: the uuid of the one that it last ran on, or none; its groups are the job's where
    the job names none. A job whose spec is gone or can't be read is told of as one that wants
    nothing special."""
    entry, job = view.wants.entry(job_id), _PLAIN
    if entry is not None and view.wants.get(job_id) is not None:
        job = Spec.from_json(entry.value).job
    groups = (job.run_on.group,) if job.run_on.group else ()
    roster = view.rosters.get(node) if node and not groups else None
    return Watched(job_id, job, roster.value.node.groups if roster is not None else groups)


_PLAIN = Job(schedule="@yearly", shell="true")
