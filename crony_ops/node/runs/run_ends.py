"""What the end of a run becomes: its record, news for the alert rules, a run that repeats it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from crony_ops.model.run import Attempt, OpenRun, RunRecord, RunState, rerun_of
from crony_ops.node.report import Report

if TYPE_CHECKING:
    from crony_ops.node.execution.attempts import Outcome
    from crony_ops.node.metrics import NodeMetrics
    from crony_ops.node.reports import Reports


MOST_OF_ATTEMPTS = 64 * 1024
"""Bytes of JSON. A control character takes six: etcd would refuse a record with the tails of a
hundred attempts, and the run would stay open."""


class RunEnds:
    """``node_name`` is that of this node."""

    def __init__(self, reports: Reports, metrics: NodeMetrics, node_name: str) -> None:
        self._reports = reports
        self._metrics = metrics
        self._node_name = node_name
        self._succeeded_last: set[str] = set()

    async def report(
        self,
        run: OpenRun,
        outcome: Outcome,
        *,
        offline: bool,
        late: tuple[float, str] = (0.0, ""),
        timed: bool = False,
    ) -> None:
        """Returns when the end is safe: with etcd, or on this disk. ``offline``: etcd does not
        know of the run. ``late``: by how many seconds it started late, and why. ``timed``:
        somebody wants to hear of it when it is slow, so that each success is news."""
        record = RunRecord.of_run(
            run,
            outcome.state,
            node_name=self._node_name,
            reason=outcome.reason or run.reason,
            started_at=outcome.started_at,
            ended_at=outcome.ended_at,
            late=late,
            attempts=in_measure(outcome.attempts),
        )
        self._metrics.run_ended(outcome.state)
        rerun = None
        if outcome.state in (RunState.fenced, RunState.lost):
            # It has ended: nothing is to be waited for, least of all by a clock that may be wrong.
            rerun = rerun_of(run, self._node_name, f"was {outcome.state}")
        await self._reports.send(
            Report(
                record=record,
                news=self._is_news(record) or (timed and record.succeeded),
                rerun=rerun,
                offline=offline,
            )
        )

    def forget(self, job_id: str) -> None:
        """The job is not ours any more: what its last run came to is others' to say."""
        self._succeeded_last.discard(job_id)

    def _is_news(self, record: RunRecord) -> bool:
        """Whether the alert rules must see it: all but skipped runs, and a success after a
        success, which changes nothing."""
        if record.state is RunState.skipped:
            return False
        if not record.succeeded:
            self._succeeded_last.discard(record.job_id)
            return True
        before = record.job_id in self._succeeded_last
        self._succeeded_last.add(record.job_id)
        return not before


def in_measure(attempts: Sequence[Attempt]) -> tuple[Attempt, ...]:
    """The newest with the tails of their output, as many as a record bears: the log has all."""
    kept, size = [], 0
    for attempt in reversed(attempts):
        size += len(attempt.to_json())
        fits = size <= MOST_OF_ATTEMPTS
        kept.append(attempt if fits else attempt.model_copy(update={"output": ""}))
    return tuple(reversed(kept))
