"""Do orders take effect, and does nothing fire for a time before they did?"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING

from crony_ops.model.node import Pause
from crony_ops.watcher.cursors import MAX_CURSORS_IN_AN_ORDER
from tests.faults.proof.checker.index import assignment, tick_of
from tests.faults.proof.checker.violation import Violation, shown

if TYPE_CHECKING:
    from tests.faults.proof.checker.index import Index
    from tests.faults.proof.checker.trouble import Trouble
    from tests.faults.proof.history import Write

NOTICED = 2.0
"""Seconds after which an order that stands in etcd holds."""
SEEN_LATE = 5.0
"""Seconds by which the recorder may come to see a write late, on a machine that is busy."""
PAST = "nothing fires for the time before"
OBEYED = 5.0
"""Seconds beyond the grace of a killed run in which its end is on record."""


def started_against_orders(index: Index, trouble: Trouble) -> Iterator[Violation]:
    """Runs of jobs that were removed, or paused, two seconds before or longer."""
    keys = index.keys
    for (job_id, run_id), acts in index.acts_of.items():
        act = acts[0]
        asked_for = "-o" in run_id.partition("@")[0]
        for key, ended, what in (
            (keys.spec(job_id), True, "removed"),
            (keys.pause(job_id), False, "paused"),
        ):
            order = _stands_at(index.versions(key), act.at)
            if order is None or (order.value is None) is not ended or (asked_for and not ended):
                continue
            since = act.at - order.at
            revoked = index.next_write(key, order.revision)
            if revoked is not None and revoked.at < act.at + SEEN_LATE:
                continue
            # Who can't reach etcd goes by what it knows.
            away = trouble.felt([act.node], order.at, act.at)
            if since > NOTICED + index.setup.tolerance and not away:
                reason = f"{run_id} of {job_id} started {since:.1f} s after the job was {what}"
                yield Violation("orders take effect", reason, (order, act))


def _stands_at(writes: list[Write], at: float) -> Write | None:
    """The last one that was seen by then."""
    found = None
    for write in writes:
        if write.at > at:
            break
        found = write
    return found


def fired_for_the_past(index: Index) -> Iterator[Violation]:
    """Whoever changes what is due moves the cursor up to then, in the same request."""
    keys = index.keys
    for write in index.under(keys.jobs):
        if write.value is None:
            continue
        node, job_id = index.tail(write, keys.jobs)
        given = assignment(write.value)
        before = index.assigned(job_id, write.revision)
        cursor = keys.cursor(job_id, node if given.job.run_on.every else "")
        anew = _is_due_otherwise(write, before) if before else _is_new(index, write, cursor)
        if not anew:
            continue
        moved = index.before(cursor, write.revision + 1)
        if (tick_of(moved) or 0) < int(given.assigned_at):
            what = f"what is due of {job_id} changed, and its cursor was left behind"
            yield Violation(PAST, what, shown(*before[:1], moved, write))


def _is_due_otherwise(write: Write, before: list[Write]) -> bool:
    """Whether the assignment changes the job's schedule, zone or place."""
    mine = [one for one in before if one.key == write.key] or before
    was, now = assignment(mine[0].value or "").job, assignment(write.value or "").job
    return (was.schedule, was.timezone, was.run_on) != (now.schedule, now.timezone, now.run_on)


def _is_new(index: Index, write: Write, cursor: str) -> bool:
    """Whether the job was wanted only after its cursor was last moved, if it has one."""
    job_id = index.tail(write, index.keys.jobs)[1]
    made = [
        one
        for one in index.versions(index.keys.spec(job_id))
        if not one.previous and one.revision < write.revision
    ]
    moved = index.before(cursor, write.revision)
    return moved is None or (bool(made) and made[-1].revision > moved.revision)


def resumed_into_the_past(index: Index, trouble: Trouble) -> Iterator[Violation]:
    """Whoever ends a pause moves each cursor up in the same request, also one that was moved while
    the pause stood."""
    keys = index.keys
    for write in index.under(keys.pauses):
        before = index.before(write.key, write.revision)
        if write.value is not None or before is None:
            continue
        job_id = write.key.removeprefix(keys.pauses)
        if index.before(keys.spec(job_id), write.revision) is None:
            continue  # it was removed, and is gone
        pause = Pause.from_json((before.value or "").encode())
        since = pause.at - index.setup.tolerance
        if pause.removal or pause.until is not None:
            # The leader has ended it, by its own clock.
            clocks = (trouble.wrong_clock(w, write.at, write.at) for w in index.setup.watchers)
            since = 0 if any(clocks) else since
        standing = [index.before(key, write.revision) for key in index.cursors[job_id]]
        there = [one for one in standing if one is not None]
        for cursor in there:
            moved = index.beside(write, cursor.key)
            # One that came meanwhile was not seen. Many go in several requests, the pause with
            # the last of them.
            unseen = cursor.previous == 0 and cursor.revision > before.revision
            if moved is None and not unseen and len(there) <= MAX_CURSORS_IN_AN_ORDER:
                what = f"{job_id} was resumed, and its cursor was left behind"
                yield Violation(PAST, what, (cursor, before, write))
            elif moved is not None and (tick_of(moved) or 0) < int(since):
                what = f"{job_id} was resumed, and its cursor was put before its pause"
                yield Violation(PAST, what, (before, moved, write))


def disobeyed_kills(index: Index, trouble: Trouble) -> Iterator[Violation]:
    """A run that is to end, and that goes on, though its node is in no trouble."""
    orders = (index.under(index.keys.kills_on(uuid)) for uuid in index.names)
    for order in chain.from_iterable(orders):
        if order.value is None or index.before(order.key, order.revision) is not None:
            continue
        _, node, job_id, run_id = index.tail(order, index.keys.everything)
        opened = index.before(index.keys.open(node, job_id, run_id), order.revision)
        if opened is None:
            continue
        closed = index.next_write(opened.key, order.revision)
        until = index.history.end.at if closed is None else closed.at
        quiet = trouble.quiet([index.names.get(node, "")], order.at, until)
        if quiet > index.setup.kill_grace + OBEYED:
            what = f"{run_id} of {job_id} was to be killed and went on for {quiet:.0f} s"
            yield Violation("orders take effect", what, shown(opened, order, closed))
