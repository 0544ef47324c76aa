"""The roster of nodes, and a node's failover from its loss to the alert that closes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from crony_ops.alerts.phrases import first_of
from crony_ops.model.cluster import Failover, JobOutcome, Outcome
from crony_ops.model.node import Node, Roster
from crony_ops.store import Txn, absent, delete_prefix, exists, mod_is, put
from crony_ops.watcher.clocks import note_clock
from crony_ops.watcher.interest import same_but_renewal
from crony_ops.watcher.node_health import (
    goes,
    in_time,
    is_awaited,
    loss_alert,
    loss_told,
    presets_told,
)
from crony_ops.watcher.order import Order, make_alerts
from crony_ops.watcher.view import Seen

if TYPE_CHECKING:
    from crony_ops.model.alert import Alert
    from crony_ops.store import Entry, Op
    from crony_ops.store.keys import Keys
    from crony_ops.watcher.view import View

MAX_IDS_IN_AN_ALERT = 20
MAX_FAILED_KEPT = 1000
"""Of them nobody is told again, each on its own, just because they have no node now."""


def note_node(
    keys: Keys, node: Node, seen: Seen[Roster] | None, entry: Entry | None, now: float
) -> tuple[Txn, tuple[Alert, ...]]:
    """The roster remembers a node that is up, what was wrong with it before, and what people were
    told. ``entry`` is the roster's key as it stands, readable or not."""
    key, before = keys.roster(node.uuid), seen.value if seen is not None else None
    roster = Roster(node=node, seen_at=now)
    if before is not None:
        came_back = {"back_at": now} if before.lost_at is not None else {}
        roster = before.model_copy(
            update={"node": node, "seen_at": now, "lost_at": None, **came_back}
        )
    roster, alerts = presets_told(roster, now)
    txn = Txn(
        (mod_is(key, entry.mod_revision if entry else 0), exists(keys.node(node.uuid))),
        (put(key, roster.to_json()), *make_alerts(keys, alerts)),
    )
    return txn, alerts


def declare_lost(keys: Keys, roster: Seen[Roster], now: float) -> Txn:
    """The node's key is gone: the roster says since when, and its failover is under way."""
    node = roster.value.node
    failover = Failover(
        node=node.uuid, node_name=node.name, incarnation=node.incarnation, started_at=now
    )
    lost = goes(roster.value, now)
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
    keys: Keys,
    failover: Seen[Failover],
    outcomes: Sequence[JobOutcome],
    roster: Seen[Roster] | None,
    *,
    remind: int,
    now: float,
) -> tuple[Txn, tuple[Alert, ...]]:
    """No job is left to decide on: the counts are final, and what is to be told is made with them.
    ``remind``: seconds until the next word of a node that stays lost; 0: there is none."""
    moved = sorted(o.job_id for o in outcomes if o.outcome is Outcome.moved)
    failed = sorted(o.job_id for o in outcomes if o.outcome.failed)
    lost = sorted(o.job_id for o in outcomes if o.lost_runs)
    before = failover.value
    counts = {
        "moved": len(moved),
        "failed": len(failed),
        "bound": sum(o.outcome is Outcome.bound for o in outcomes),
        "lost_runs": sum(o.lost_runs for o in outcomes),
    }
    closed = before.model_copy(
        update={
            **counts,
            "closed_at": now,
            "moved_jobs": tuple(moved[:MAX_IDS_IN_AN_ALERT]),
            "failed_jobs": tuple(failed[:MAX_FAILED_KEPT]),
        }
    )
    facts: dict[str, str | int] = {
        **counts,
        "moved_jobs": first_of(moved, MAX_IDS_IN_AN_ALERT),
        "failed_jobs": first_of(failed, MAX_IDS_IN_AN_ALERT),
        "lost_jobs": first_of(lost, MAX_IDS_IN_AN_ALERT),
    }
    when = [mod_is(failover.entry.key, failover.entry.mod_revision)]
    told: list[Op] = []
    if roster is None:
        forgotten = Node(uuid=before.node, name=before.node_name, incarnation=before.incarnation)
        alerts: tuple[Alert, ...] = (loss_alert(forgotten, before, facts, now),)
    else:
        after, alerts = loss_told(roster.value, before, facts, now, remind)
        when.append(mod_is(roster.entry.key, roster.entry.mod_revision))
        told.append(put(roster.entry.key, after.to_json()))
    txn = Txn(
        tuple(when),
        (
            put(failover.entry.key, closed.to_json()),
            *told,
            *make_alerts(keys, alerts),
            delete_prefix(keys.failover_jobs(before.node, before.incarnation)),
        ),
    )
    return txn, alerts


def waits_to_be_told(view: View) -> bool:
    """Whether a node is back that has yet to show that it stays."""
    return any(is_awaited(seen.value) for _, seen in view.rosters.items())


def told_in_time(view: View, *, ttl: float, remind: int, now: float) -> Iterable[Order]:
    """What is to be told of nodes because time has passed: see ``node_health.in_time``."""
    rosters = [seen for _, seen in view.rosters.items()]
    for seen in rosters:
        ruled = in_time(seen.value, ttl=ttl, now=now, remind=remind)
        if ruled is not None:
            roster, alerts = ruled
            txn = Txn(
                (mod_is(seen.entry.key, seen.entry.mod_revision),),
                (put(seen.entry.key, roster.to_json()), *make_alerts(view.keys, alerts)),
            )
            yield Order(txn, alerts)


def upkeep(
    view: View, alive: Mapping[str, Node | None], clocks: Mapping[str, float | None], now: float
) -> Iterable[Order]:
    """The roster: who is up, who has gone, whose clock is wrong (see ``judge_clocks``)."""
    rosters = dict(view.rosters.items())
    for uuid, node in alive.items():
        seen = rosters.get(uuid)
        if node is None:
            continue
        known = seen is not None and seen.value.lost_at is None
        if seen is None or not known or not same_but_renewal(seen.value.node, node):
            up = f"node {node.name} is up (incarnation {node.incarnation:x})"
            yield Order(*note_node(view.keys, node, seen, view.rosters.entry(uuid), now), note=up)
        elif uuid in clocks and (clocks[uuid] is None) != (seen.value.clock_offset is None):
            yield Order(*note_clock(seen, view.keys, clocks[uuid], now))
    for uuid, seen in rosters.items():
        if uuid not in alive and seen.value.lost_at is None:
            txn = declare_lost(view.keys, seen, now)
            yield Order(txn, note=f"node {seen.value.node.name} is lost")


def is_open(seen: Seen[Failover | JobOutcome] | None) -> bool:
    return seen is not None and isinstance(seen.value, Failover) and seen.value.closed_at is None


def decided(view: View) -> list[Seen[Failover]]:
    """The open failovers that have nothing left to decide: every job that is still assigned to the
    lost node has its outcome, or the node is back, or was back since and is lost again. Nothing is
    decided about a job that nobody wants, or whose spec can't be read: for it nobody waits."""
    left: dict[str, list[str]] = {}
    for key in view.mirror.prefix(view.keys.jobs):
        node, _, job_id = key[len(view.keys.jobs) :].partition("/")
        left.setdefault(node, []).append(job_id)
    found = []
    for tail, seen in view.failovers.items():
        if not isinstance(seen.value, Failover) or seen.value.closed_at is not None:
            continue
        node = seen.value.node
        roster = view.rosters.get(node)
        was_back = roster is not None and roster.value.node.incarnation != seen.value.incarnation
        undecided = any(
            view.failovers.get(f"{tail}/{job_id}") is None
            for job_id in left.get(node, ())
            if view.wants.get(job_id) is not None
        )
        if view.is_alive(node) or was_back or not undecided:
            found.append(Seen(seen.value, seen.entry))
    return found
