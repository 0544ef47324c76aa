"""The operations that end a run: owner and leader write the same keys for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crony_ops.model.alert import MAX_OUTPUT
from crony_ops.model.run import GapRecord, News, QueuedRun, RunRecord, RunState
from crony_ops.store.txn import Op, delete, put

if TYPE_CHECKING:
    from crony_ops.store.keys import Keys


def end_run(
    keys: Keys,
    record: RunRecord,
    *,
    news: bool,
    rerun: QueuedRun | None,
    with_node: bool = False,
) -> list[Op]:
    """The run is no longer open; its record stands; who must know of it will. ``with_node``: it
    ended because its node was lost."""
    ops = [
        delete(keys.open(record.node, record.job_id, record.run_id)),
        put(keys.run(record.job_id, record.run_id), record.to_json()),
    ]
    if news:
        told = news_of(record, with_node=with_node)
        ops.append(put(keys.news(record.job_id, record.run_id), told.to_json()))
    if rerun is not None:
        ops.append(put(keys.queued(record.job_id, rerun.run_id), rerun.to_json()))
    return ops


def record_gap(keys: Keys, gap: GapRecord) -> list[Op]:
    news = News(
        run_id=gap.run_id,
        job_id=gap.job_id,
        state="missed",
        at=gap.at,
        tick=gap.last,
        node=gap.node,
        node_name=gap.node_name,
        count=gap.count,
        reason=gap.reason,
    )
    return [
        put(keys.run(gap.job_id, gap.run_id), gap.to_json()),
        put(keys.news(gap.job_id, gap.run_id), news.to_json()),
    ]


def news_of(record: RunRecord, *, with_node: bool = False) -> News:
    failed = record.state in (RunState.failed, RunState.timed_out)
    output = record.attempts[-1].output if failed and record.attempts else ""
    return News(
        run_id=record.run_id,
        job_id=record.job_id,
        state=record.state,
        at=record.ended_at,
        tick=record.tick,
        node=record.node,
        node_name=record.node_name,
        reason=record.reason,
        took=None if record.started_at is None else record.ended_at - record.started_at,
        output=output[-MAX_OUTPUT:],
        with_node=with_node,
    )
