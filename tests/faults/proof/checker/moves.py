"""Was each move one transaction, decided on what stood then? And is no job left lying for it?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from crony_ops.model.run import News
from tests.faults.proof.checker.index import assignment
from tests.faults.proof.checker.violation import Violation, shown

if TYPE_CHECKING:
    from tests.faults.proof.checker.index import Index
    from tests.faults.proof.history import Write

ONE = "a move is one transaction"
SEEN = "a move hangs on what was seen"


def torn_moves(index: Index) -> Iterator[Violation]:
    for write in index.under(index.keys.jobs):
        node, job_id = index.tail(write, index.keys.jobs)
        if write.value is None:
            yield from _taken(index, write, node, job_id)
        else:
            yield from _given(index, write, node, job_id)


def _given(index: Index, write: Write, node: str, job_id: str) -> Iterator[Violation]:
    keys, at, given = index.keys, write.revision, assignment(write.value or "")
    name = f"{job_id} was given to {index.names.get(node, node)}"
    before = index.before(write.key, at)
    if before is not None and before.value == write.value:
        return  # an operator that resets the cursor puts it again
    wanted = index.before(keys.spec(job_id), at)
    if wanted is None or wanted.revision != given.spec_revision:
        last = index.last_write(keys.spec(job_id), at)
        yield Violation(SEEN, f"{name} by a spec that did not stand", shown(last, write))
    if before is not None:
        return
    if index.before(keys.node(node), at) is None:
        last = index.last_write(keys.node(node), at)
        yield Violation(SEEN, f"{name}, which was not there", shown(last, write))
    if given.moved_from and given.moved_from != node:
        left = index.beside(write, keys.job(given.moved_from, job_id))
        if left is None or left.value is not None:
            last = index.last_write(keys.job(given.moved_from, job_id), at)
            what = f"{name}, and its old node was left by another request"
            yield Violation(ONE, what, shown(last, write))
    if not given.job.run_on.every:
        others = [
            one
            for one in index.assigned(job_id, at + 1)
            if one.key != write.key and not assignment(one.value or "").job.run_on.every
        ]
        if others:
            yield Violation(ONE, f"{name} and stood on two nodes", (others[0], write))


def _taken(index: Index, write: Write, node: str, job_id: str) -> Iterator[Violation]:
    keys, at = index.keys, write.revision
    alive, wanted = index.before(keys.node(node), at), index.before(keys.spec(job_id), at)
    if alive is None or wanted is None:
        return  # what a dead node left open is lost, what nobody wants any more may end in peace
    for claim in index.still_open(node, job_id, at):
        name = f"{job_id} was taken from {index.names.get(node, node)}, which lives"
        what = f"{name}, with {claim.run.run_id} still open"
        yield Violation(SEEN, what, (claim.write, write))


def lost_while_alive(index: Index) -> Iterator[Violation]:
    """A failover, its outcomes and its lost runs all hang on the node's key being gone."""
    keys = index.keys
    for write in index.under(keys.failovers):
        tail = index.tail(write, keys.failovers)
        if write.value is None or index.before(write.key, write.revision) is not None:
            continue
        alive = index.before(keys.node(tail[0]), write.revision)
        if alive is not None:
            what = f"{index.names.get(tail[0], tail[0])} was failed over while it lived"
            yield Violation(SEEN, what, (alive, write))
    for write in index.under(keys.all_news):
        news = News.from_json(write.value.encode()) if write.value is not None else None
        if news is None or not news.with_node:
            continue
        alive = index.before(keys.node(news.node), write.revision)
        name = f"{news.run_id} of {news.job_id} was called lost with {news.node_name}"
        if alive is not None:
            yield Violation(SEEN, f"{name}, which lived", (alive, write))
        closed = index.beside(write, keys.open(news.node, news.job_id, news.run_id))
        if closed is None or closed.value is not None:
            yield Violation(SEEN, f"{name}, and was not open", (write,))
