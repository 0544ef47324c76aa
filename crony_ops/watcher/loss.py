"""What a node's death means for one of its jobs: its runs are lost, and its outcome is noted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crony_ops.model.cluster import JobOutcome, Outcome
from crony_ops.model.run import OpenRun, RunRecord, RunState, rerun_of
from crony_ops.store import Compare, Op, Txn, absent, mod_is, put
from crony_ops.store.endings import end_run

if TYPE_CHECKING:
    from crony_ops.store.keys import Keys
    from crony_ops.watcher.view import Seen

MAX_RUNS_IN_A_STEP = 8
"""What is beyond it comes with the next look."""


@dataclass(frozen=True, slots=True)
class Loss:
    """A life of a node that ended, as far as one of its jobs is concerned. ``failover`` and
    ``outcome``: the mod revisions of its failover and of what is noted there of the job, 0 if
    there is none."""

    node_name: str
    incarnation: int | None
    runs: Sequence[Seen[OpenRun]]
    failover: int
    outcome: int
    failover_is_open: bool


def loss_order(
    keys: Keys,
    node: str,
    job_id: str,
    loss: Loss,
    outcome: Outcome,
    *,
    target: str,
    now: float,
    fence_delay: float,
) -> tuple[list[Compare], list[Op]]:
    """What a node's death means for one of its jobs: its runs are lost, its outcome is noted."""
    when = [absent(keys.node(node))]
    if loss.incarnation is not None:
        # What is done while its failover is not in view, or is closed, would not be counted in it.
        when.append(mod_is(keys.failover(node, loss.incarnation), loss.failover))
    then: list[Op] = []
    runs = loss.runs[:MAX_RUNS_IN_A_STEP]
    for seen in runs:
        ended = lost_run(keys, seen, loss.node_name, now, fence_delay)
        when += ended.when
        then += [op for op in ended.then if isinstance(op, Op)]
    if loss.failover_is_open and loss.incarnation is not None:
        noted = JobOutcome(job_id=job_id, outcome=outcome, to=target, lost_runs=len(loss.runs))
        key = keys.failover_job(node, loss.incarnation, job_id)
        when.append(mod_is(key, loss.outcome))
        then.append(put(key, noted.to_json()))
    return when, then


def lost_run(
    keys: Keys, seen: Seen[OpenRun], node_name: str, now: float, fence_delay: float
) -> Txn:
    """A run whose node died under it. Its re-run waits until a node that only seems dead has
    surely ended it."""
    run = seen.value
    record = RunRecord.of_run(
        run,
        RunState.lost,
        node_name=node_name,
        reason=f"its node {node_name} was lost",
        ended_at=now,
    )
    rerun = rerun_of(run, node_name, f"was lost with {node_name}", now + fence_delay)
    return Txn(
        (mod_is(seen.entry.key, seen.entry.mod_revision), absent(keys.node(run.node))),
        tuple(end_run(keys, record, news=True, rerun=rerun, with_node=True)),
    )
