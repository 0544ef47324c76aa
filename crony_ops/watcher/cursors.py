"""Cursors that the leader has to set or take away: missing ones, those of a pause whose time is
over, and those of nodes that nobody remembers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from crony_ops.model.spec import Cursor
from crony_ops.store import Op, Txn, absent, delete, mod_is, put
from crony_ops.watcher.order import Order
from crony_ops.watcher.step_order import tick_of

if TYPE_CHECKING:
    from crony_ops.model.node import Pause
    from crony_ops.store import Entry
    from crony_ops.watcher.view import Seen, View

MAX_CURSORS_IN_AN_ORDER = 60
"""A job on every node has a cursor for each; etcd takes 128 operations in a transaction."""


def start_cursor(assignment: Entry, key: str, unreadable: Entry | None, now: float) -> Txn:
    """An assigned job whose cursor is missing, or can't be read, starts from now."""
    return Txn(
        (
            mod_is(key, unreadable.mod_revision if unreadable else 0),
            mod_is(assignment.key, assignment.mod_revision),
        ),
        (put(key, Cursor(tick=int(now)).to_json()),),
    )


def end_pause(pause: Entry, cursors: Sequence[Entry], now: float, *, last: bool = True) -> Txn:
    """As with every resumption, nothing of the time before fires.

    The pause goes with the ``last`` of the job's cursors: until then nobody claims."""
    when = [mod_is(entry.key, entry.mod_revision) for entry in (pause, *cursors)]
    then: list[Op] = [
        put(entry.key, Cursor(tick=max(int(now), tick_of(entry) or 0)).to_json())
        for entry in cursors
    ]
    if last:
        then.append(delete(pause.key))
    return Txn(tuple(when), tuple(then))


def missing(view: View, assigned: Mapping[str, Mapping[str, int]], now: float) -> Iterable[Order]:
    for job_id, homes in assigned.items():
        want = view.wants.get(job_id)
        if want is None:
            continue
        for node in homes:
            at = node if want.value.run_on.every else ""
            tail = f"{job_id}/{at}" if at else job_id
            if view.cursors.get(tail) is not None:
                continue
            given, found = view.given.entry(f"{node}/{job_id}"), view.cursors.entry(tail)
            if given is not None:
                yield Order(start_cursor(given, view.keys.cursor(job_id, at), found, now))


def of_forgotten_nodes(view: View, assigned: Mapping[str, Mapping[str, int]]) -> Iterable[Order]:
    """Jobs on every node have a cursor for each; it goes once the node has been forgotten and its
    assignment is gone. If the node ever comes back, it starts from then."""
    keys, prefix = view.keys, view.keys.cursors
    for key, entry in view.mirror.prefix(prefix).items():
        job_id, _, node = key[len(prefix) :].partition("/")
        if not node or node in assigned.get(job_id, {}):
            continue
        if view.is_alive(node) or view.rosters.entry(node) is not None:
            continue
        unknown = (absent(keys.node(node)), absent(keys.roster(node)))
        still_so = mod_is(key, entry.mod_revision)
        yield Order(Txn((*unknown, absent(keys.job(node, job_id)), still_so), (delete(key),)))


def ended_pauses(
    view: View, assigned: Mapping[str, Mapping[str, int]], now: float
) -> Iterable[Order]:
    """Pauses whose time is over, and those of removed jobs that came back. The latter wait until
    whoever holds the job has been given what it is now."""
    prefix = view.keys.cursors
    for job_id, seen in view.pauses.items():
        if not _is_over(view, job_id, seen, assigned.get(job_id, {}), now):
            continue
        cursors = [
            entry
            for key, entry in view.mirror.prefix(prefix).items()
            if key[len(prefix) :].partition("/")[0] == job_id
        ]
        if len(cursors) > MAX_CURSORS_IN_AN_ORDER:
            # Most go ahead; the pause goes in a look that sees no more behind than fit beside it.
            over_at = seen.value.until or seen.value.at
            cursors = [entry for entry in cursors if (tick_of(entry) or 0) < int(over_at)]
        if len(cursors) <= MAX_CURSORS_IN_AN_ORDER:
            yield Order(end_pause(seen.entry, cursors, now))
            continue
        for start in range(0, len(cursors), MAX_CURSORS_IN_AN_ORDER):
            some = cursors[start : start + MAX_CURSORS_IN_AN_ORDER]
            yield Order(end_pause(seen.entry, some, now, last=False))


def _is_over(
    view: View, job_id: str, pause: Seen[Pause], homes: Mapping[str, int], now: float
) -> bool:
    if not pause.value.removal:
        return pause.value.until is not None and pause.value.until <= now
    spec = view.wants.entry(job_id)
    return spec is not None and all(given == spec.mod_revision for given in homes.values())
