"""Is the re-run of a lost run queued with its loss, and is nothing that was queued dropped?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from crony_ops.model.run import OpenRun, QueuedRun, RunKind, RunRecord, rerun_id
from crony_ops.node.runs.past import UNRECORDED
from tests.faults.proof.checker.index import tick_of
from tests.faults.proof.checker.runs import GONE
from tests.faults.proof.checker.violation import Violation, shown

if TYPE_CHECKING:
    from tests.faults.proof.checker.index import Index
    from tests.faults.proof.history import Write

RERUNS = 3
"""As often as the promise has a tick run again."""


def not_repeated(index: Index) -> Iterator[Violation]:
    """Lost and fenced runs whose claim asked for a re-run, and that were taken away without one:
    whoever ends a run queues what repeats it in the same request."""
    keys = index.keys
    for write in index.under(keys.opens):
        opened = index.before(write.key, write.revision)
        if write.value is not None or opened is None:
            continue
        _, job_id, run_id = index.tail(write, keys.opens)
        told = index.beside(write, keys.run(job_id, run_id))
        if told is None or not _was_lost(index, job_id, run_id, told):
            continue
        run = OpenRun.from_json((opened.value or "").encode())
        if not run.on_node_loss_rerun or run.kind is RunKind.once or run.rerun >= RERUNS:
            continue
        again = rerun_id(run.tick, run.rerun + 1, run_id.partition("@")[2])
        queued = index.beside(write, keys.queued(job_id, again))
        if queued is None or queued.value is None:
            what = f"{run_id} of {job_id} was lost, and {again} was not queued"
            yield Violation("what is lost is run again", what, (opened, told))


def _was_lost(index: Index, job_id: str, run_id: str, told: Write) -> bool:
    """Not one that had ended long since, for all that a restored etcd knew of it."""
    for end in index.ends_of.get((job_id, run_id), ()):
        if end.write is told and isinstance(end.record, RunRecord):
            return end.record.state in GONE and end.record.reason != UNRECORDED
    return False


def dropped(index: Index) -> Iterator[Violation]:
    """Queued runs that were taken away and not claimed, though somebody wanted their job: their
    ticks are accounted for nowhere else. With a cursor that is reset go those that come again."""
    keys = index.keys
    for write in index.under(keys.queue):
        if write.value is not None:
            continue
        job_id, run_id = index.tail(write, keys.queue)
        claimed = any(
            one.value is not None
            and one.key.startswith(keys.opens)
            and one.key.endswith(f"/{job_id}/{run_id}")
            for one in index.requests[write.revision]
        )
        queued = index.before(write.key, write.revision)
        wanted = index.before(keys.spec(job_id), write.revision) is not None
        if not claimed and wanted and not _comes_again(index, job_id, run_id, queued, write):
            what = f"{run_id} of {job_id} was queued, and taken away without a claim"
            yield Violation("what is queued is claimed", what, shown(queued, write))


def _comes_again(
    index: Index, job_id: str, run_id: str, queued: Write | None, write: Write
) -> bool:
    at = run_id.partition("@")[2]
    cursor = index.keys.cursor(job_id, index.setup.nodes[at].uuid if at else "")
    stands_at = tick_of(index.beside(write, cursor))
    if queued is None or stands_at is None:
        return False
    return stands_at < QueuedRun.from_json((queued.value or "").encode()).tick
