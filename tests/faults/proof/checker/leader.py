"""Who wrote what only a leader may write? A write names no writer, but two things betray one that
was deposed: nobody led when it came, or it was decided before the term in which it came."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from crony_ops.model.cluster import Failover, Leader
from crony_ops.model.run import News
from tests.faults.proof.checker.index import assignment
from tests.faults.proof.checker.violation import Violation, shown

if TYPE_CHECKING:
    from tests.faults.proof.checker.index import Index
    from tests.faults.proof.checker.trouble import Trouble
    from tests.faults.proof.history import Write


def written_by_the_deposed(index: Index, trouble: Trouble) -> Iterator[Violation]:
    for write, decided_at in _of_a_leader(index):
        leads = index.before(index.keys.leader, write.revision)
        if leads is None:
            elected = index.beside(write, index.keys.leader)
            if elected is None:
                last = index.last_write(index.keys.leader, write.revision)
                what = f"{write.key} was written while nobody led"
                yield Violation("only the leader decides", what, shown(last, write))
            continue
        term = Leader.from_json((leads.value or "").encode())
        before = term.since - (decided_at or term.since)
        # Both times are by its own clock; the term's stays what it was when that is put right.
        wrong = trouble.wrong_clock(term.id, leads.at, leads.at) or trouble.wrong_clock(
            term.id, write.at, write.at
        )
        if before > index.setup.tolerance and not wrong:
            what = f"{write.key} was decided {before:.1f} s before {term.id} led"
            yield Violation("only the leader decides", what, (leads, write))


def _of_a_leader(index: Index) -> Iterator[tuple[Write, float | None]]:
    """What only a leader writes, and when it was decided, where that is known."""
    keys = index.keys
    for write in index.under(keys.jobs):
        before = index.before(write.key, write.revision)
        # An operator that resets a cursor puts the assignment again, as it was.
        if write.value is None or before is None or before.value != write.value:
            yield write, None if write.value is None else assignment(write.value).assigned_at
    for write in index.under(keys.failovers):
        decided_at = None
        if write.value is not None and len(index.tail(write, keys.failovers)) == 2:
            failover = Failover.from_json(write.value.encode())
            decided_at = failover.closed_at or failover.started_at
        yield write, decided_at
    for write in index.under(keys.alerts):
        if write.value is not None and index.before(write.key, write.revision) is None:
            yield write, None
    for write in index.under(keys.all_news):
        if write.value is None:
            yield write, None
        elif (news := News.from_json(write.value.encode())).with_node:
            yield write, news.at


def two_leaders(index: Index) -> Iterator[Violation]:
    for write in index.under(index.keys.leader):
        before = index.before(write.key, write.revision)
        if write.value is not None and before is not None and before.lease != write.lease:
            what = "a watcher took the lead while another one led"
            yield Violation("one leader at a time", what, (before, write))
