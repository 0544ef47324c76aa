"""The transactions by which a node takes a run for itself. Pure.

Each compares that the node's key hangs on its lease, that the assignment has the revision that it
holds, that the job is not paused, and what is being claimed. A refusal brings back what stands now.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from crony_ops.model.run import GapRecord, OpenRun, QueuedRun, gap_id, tick_run_id
from crony_ops.model.spec import Cursor
from crony_ops.store import Compare, Op, Txn, absent, delete, get, lease_is, mod_is, put
from crony_ops.store.endings import record_gap

if TYPE_CHECKING:
    from crony_ops.node.ticks.holding import Holding
    from crony_ops.schedule import MissedTicks
    from crony_ops.store import Entry, TxnResult
    from crony_ops.store.keys import Keys


@dataclass(frozen=True, slots=True)
class Claimant:
    """Who claims. ``incarnation`` is the lease that the node's key has to hang on."""

    keys: Keys
    uuid: str
    name: str
    incarnation: int

    def entitled(self, holding: Holding) -> tuple[Compare, ...]:
        return (
            lease_is(self.keys.node(self.uuid), self.incarnation),
            mod_is(holding.key, holding.revision),
        )

    def not_paused(self, holding: Holding) -> Compare:
        return absent(self.keys.pause(holding.job_id))

    def as_it_stands(self, holding: Holding) -> tuple[Op, ...]:
        """What a refused claim wants to know; ``Standing.of`` reads the answer."""
        return (
            get(self.keys.node(self.uuid)),
            get(holding.key),
            get(self.keys.pause(holding.job_id)),
            get(holding.cursor_key),
        )

    def at(self, holding: Holding) -> str:
        """What marks the run ids of a job that runs on every node: this node's name."""
        return self.name if holding.every else ""


@dataclass(frozen=True, slots=True)
class Standing:
    node: Entry | None
    assignment: Entry | None
    pause: Entry | None
    cursor: Entry | None

    @classmethod
    def of(cls, result: TxnResult) -> Standing:
        found = [part[0] if isinstance(part, tuple) and part else None for part in result.responses]
        return cls(*found[-4:])


def open_run(
    me: Claimant,
    holding: Holding,
    run_id: str,
    tick: int,
    now: float,
    **details: object,
) -> OpenRun:
    job = holding.job
    return OpenRun.model_validate(
        {
            "run_id": run_id,
            "job_id": holding.job_id,
            "tick": tick,
            "node": me.uuid,
            "incarnation": me.incarnation,
            "epoch": holding.revision,
            "on_node_loss_rerun": job.rerun,
            "bound": holding.bound,
            "claimed_at": now,
            **details,
        }
    )


def claim_tick(me: Claimant, holding: Holding, tick: int, now: float) -> tuple[Txn, OpenRun]:
    run = open_run(me, holding, tick_run_id(tick, me.at(holding)), tick, now)
    txn = Txn(
        (
            *me.entitled(holding),
            me.not_paused(holding),
            mod_is(holding.cursor_key, holding.cursor_revision),
        ),
        (
            put(holding.cursor_key, Cursor(tick=tick).to_json()),
            put(me.keys.open(me.uuid, holding.job_id, run.run_id), run.to_json()),
        ),
        me.as_it_stands(holding),
    )
    return txn, run


def claim_queued(
    me: Claimant, holding: Holding, queued: QueuedRun, entry: Entry, now: float
) -> tuple[Txn, OpenRun]:
    run = open_run(
        me,
        holding,
        queued.run_id,
        queued.tick,
        now,
        kind="queued",
        rerun=queued.rerun,
        reason=queued.reason,
    )
    txn = Txn(
        (
            *me.entitled(holding),
            me.not_paused(holding),
            mod_is(entry.key, entry.mod_revision),
        ),
        (
            delete(entry.key),
            put(me.keys.open(me.uuid, holding.job_id, run.run_id), run.to_json()),
        ),
        me.as_it_stands(holding),
    )
    return txn, run


def claim_once(
    me: Claimant, holding: Holding, entry: Entry, run_id: str, now: float
) -> tuple[Txn, OpenRun]:
    """A run that somebody asked for, paused or not."""
    run = open_run(me, holding, run_id, int(now), now, kind="once", reason="asked for")
    txn = Txn(
        (*me.entitled(holding), mod_is(entry.key, entry.mod_revision)),
        (
            delete(entry.key),
            put(me.keys.open(me.uuid, holding.job_id, run.run_id), run.to_json()),
        ),
        me.as_it_stands(holding),
    )
    return txn, run


def account(me: Claimant, holding: Holding, missed: MissedTicks, now: float) -> Txn:
    """Missed ticks: the cursor goes to the newest, what is made up is queued, the rest is a gap."""
    keys, job_id, at = me.keys, holding.job_id, me.at(holding)
    then: list[Op] = [put(holding.cursor_key, Cursor(tick=missed.cursor).to_json())]
    for tick in missed.make_up:
        queued = QueuedRun(
            run_id=tick_run_id(tick, at), tick=tick, reason="made up after a misfire", node=at
        )
        then.append(put(keys.queued(job_id, queued.run_id), queued.to_json()))
    if missed.gap is not None:
        gap = GapRecord(
            type="gap",
            run_id=gap_id(missed.gap.last, at),
            job_id=job_id,
            first=missed.gap.first,
            last=missed.gap.last,
            count=missed.gap.count,
            reason=f"nobody could run it in time (misfire: {holding.job.misfire.policy})",
            node=me.uuid,
            node_name=me.name,
            at=now,
        )
        then += record_gap(keys, gap)
    return Txn(
        (
            *me.entitled(holding),
            me.not_paused(holding),
            mod_is(holding.cursor_key, holding.cursor_revision),
        ),
        tuple(then),
        me.as_it_stands(holding),
    )
