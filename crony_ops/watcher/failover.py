"""The roster of nodes, and a node's failover from its loss to the alert that closes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from crony_ops.model.alert import Alert, Severity
from crony_ops.model.cluster import Failover, JobOutcome, Outcome
from crony_ops.model.node import Node, Roster
from crony_ops.store import Txn, absent, delete_prefix, exists, mod_is, put
from crony_ops.watcher.clocks import note_clock
from crony_ops.watcher.interest import same_but_renewal
from crony_ops.watcher.order import Order
from crony_ops.watcher.view import Seen

if TYPE_CHECKING:
    from crony_ops.store import Entry
    from crony_ops.store.keys import Keys
    from crony_ops.watcher.view import View

MAX_IDS_IN_AN_ALERT = 20


def note_node(
    keys: Keys, node: Node, before: Entry | None, clock_offset: float | None, now: float
) -> Txn:
    """The roster remembers a node that is up, and what was wrong with its clock before."""
    key = keys.roster(node.uuid)
    return Txn(
        (mod_is(key, before.mod_revision if before else 0), exists(keys.node(node.uuid))),
        (put(key, Roster(node=node, seen_at=now, clock_offset=clock_offset).to_json()),),
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
            offset = seen.value.clock_offset if seen is not None else None
            txn = note_node(view.keys, node, view.rosters.entry(uuid), offset, now)
            yield Order(txn, note=f"node {node.name} is up (incarnation {node.incarnation:x})")
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
    lost node has its outcome, or the node is back. Nothing is decided about a job that nobody
    wants, or whose spec can't be read: for it nobody waits."""
    left: dict[str, list[str]] = {}
    for key in view.mirror.prefix(view.keys.jobs):
        node, _, job_id = key[len(view.keys.jobs) :].partition("/")
        left.setdefault(node, []).append(job_id)
    found = []
    for tail, seen in view.failovers.items():
        if not isinstance(seen.value, Failover) or seen.value.closed_at is not None:
            continue
        node = seen.value.node
        undecided = any(
            view.failovers.get(f"{tail}/{job_id}") is None
            for job_id in left.get(node, ())
            if view.wants.get(job_id) is not None
        )
        if view.is_alive(node) or not undecided:
            found.append(Seen(seen.value, seen.entry))
    return found
