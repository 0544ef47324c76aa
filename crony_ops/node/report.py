"""An end, or a gap, to tell: its worth to a full spool, and the transaction that tells it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from crony_ops.model.record import Record
from crony_ops.model.run import GapRecord, QueuedRun, RunRecord, gap_id
from crony_ops.node.journal import Worth
from crony_ops.store import Op, Txn, exists, put, value_is
from crony_ops.store.endings import end_run, news_of

if TYPE_CHECKING:
    from crony_ops.store.keys import Keys


class Report(Record):
    """An end, or a gap, to tell. ``offline``: it came about without etcd, which knows nothing."""

    record: RunRecord | GapRecord = Field(union_mode="left_to_right")
    news: bool = True
    rerun: QueuedRun | None = None
    offline: bool = False

    @property
    def worth(self) -> Worth:
        """What it is worth to a full spool."""
        if not self.offline or self.rerun or isinstance(self.record, GapRecord):
            return Worth.KEPT
        if not self.news:
            return Worth.NO_NEWS
        return Worth.GOOD_NEWS if self.record.succeeded else Worth.BAD_NEWS


def dropped_end(record: RunRecord, before: GapRecord | None) -> GapRecord:
    """A dropped end of a job, added to those ``before``."""
    first = record.tick if before is None else min(before.first, record.tick)
    last = record.tick if before is None else max(before.last, record.tick)
    return GapRecord(
        type="gap",
        run_id=gap_id(last, record.run_id.partition("@")[2]),
        job_id=record.job_id,
        first=first,
        last=last,
        count=1 if before is None else before.count + 1,
        reason="run while etcd was away, and how they ended is not known: the spool was full",
        node=record.node,
        node_name=record.node_name,
        at=record.ended_at,
    )


def end_once(keys: Keys, report: Report, record: RunRecord, extra: list[Op]) -> Txn:
    """The end of a run, right however often it is told.

    If the run is open, it is ended. If the leader has called it lost meanwhile, the truth takes
    that record's place, as long as it is still there; what nobody saw is no truth. If this very
    record stands already, an answer was lost on the way, and there is nothing left to do. A run
    that etcd never knew of is recorded as it is.
    """
    run_key = keys.run(record.job_id, record.run_id)
    truth = [] if record.unseen else [put(run_key, record.to_json())]
    if truth and report.news:
        truth.append(put(keys.news(record.job_id, record.run_id), news_of(record).to_json()))
    ended = end_run(keys, record, news=report.news, rerun=report.rerun)
    overrule = Txn((exists(run_key),), tuple(truth), tuple(ended) if report.offline else ())
    told = Txn((value_is(run_key, record.to_json()),), (), (overrule,))
    return Txn(
        (exists(keys.open(record.node, record.job_id, record.run_id)),),
        (*ended, *extra),
        (told, *extra),
    )
