"""Who sees each transaction of a leader that took effect: what it may write, and what follows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from crony_ops.model.alert import Alert
from crony_ops.model.cluster import Failover
from crony_ops.model.node import Roster
from crony_ops.model.run import RunRecord, RunState, read_run
from crony_ops.model.spec import Assignment, Spec
from crony_ops.store import Op, Txn, TxnResult
from crony_ops.store.txn import Action
from crony_ops.watcher.loss import MAX_RUNS_IN_A_STEP

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crony_ops.store import Entry, Mirror
    from crony_ops.store.keys import Keys

Before: TypeAlias = "Mapping[str, Entry]"
"""All keys as they were when the request arrived."""


@dataclass(slots=True)
class Fall:
    """A life of a node that ended, as its witness knows it: which jobs went where, which runs were
    lost. ``calm``: its jobs were as they were wanted when it began, nobody changed a spec since,
    the node did not come back, seen or not, and no job had many runs."""

    moved: set[str] = field(default_factory=set)
    unplaced: set[str] = field(default_factory=set)
    lost_runs: int = 0
    calm: bool = True
    closed: bool = False


class Witness:
    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._known: dict[int, tuple[Txn, dict[str, Entry | None]]] = {}
        self.falls: dict[str, Fall] = {}
        self.made = Counter[str]()
        self._lives: dict[str, int] = {}

    def decided(self, txn: Txn, mirror: Mirror) -> None:
        """What the leader knows of the keys that it is about to write."""
        ops = [op for op in _ops(txn) if not self._is_blind(op)]
        self._known[id(txn)] = txn, {op.key: mirror.get(op.key) for op in ops}

    def _is_blind(self, op: Op) -> bool:
        """Of these the leader holds no copy."""
        keys = self._keys
        return op.prefix or op.key.startswith((keys.runs, keys.queue, keys.onces))

    def comes(self, node: str, incarnation: int) -> None:
        self._lives[node] = incarnation
        self.disturbed()

    def disturbed(self) -> None:
        for fall in self.falls.values():
            fall.calm = False

    def done(self, txn: Txn, result: TxnResult, before: Before) -> None:
        for part, inner in zip(txn.then, result.responses, strict=True):
            if isinstance(part, Txn) and isinstance(inner, TxnResult) and inner.succeeded:
                self._overwrites_what_was_seen(part, before)
                self._takes_no_job_in_mid_run(part, before)
                self._loses_the_runs_of_the_dead(part, before)
                self._follow_the_fall(part, before)

    def _overwrites_what_was_seen(self, txn: Txn, before: Before) -> None:
        _, known = self._known[id(txn)]
        for op in _ops(txn):
            there = before.get(op.key)
            if op.key in known and there is not None and not self._may_go_unseen(op, before):
                assert known[op.key] == there, f"written unseen: {op.key}"
            once = (self._keys.runs, self._keys.queue, self._keys.alerts)
            if op.action is Action.PUT and op.key.startswith(once):
                self.made[op.key] += 1
                assert self.made[op.key] == 1, f"made twice: {op.key}"

    def _may_go_unseen(self, op: Op, before: Before) -> bool:
        """The health of a job that nobody wants any more: it goes, whatever it says."""
        health = op.action is Action.DELETE and op.key.startswith(self._keys.healths)
        job_id = op.key.removeprefix(self._keys.healths)
        return health and self._keys.spec(job_id) not in before

    def _takes_no_job_in_mid_run(self, txn: Txn, before: Before) -> None:
        keys = self._keys
        for node, job_id in self._left(txn):
            wanted = keys.spec(job_id) in before
            lives = keys.node(node) in before
            runs = any(key.startswith(f"{keys.open_on(node)}{job_id}/") for key in before)
            assert not (wanted and lives and runs), f"{job_id} left {node} in mid-run"
        for node, job_id in self._given(txn):
            there = keys.node(node) in before or keys.job(node, job_id) in before
            assert there, f"{job_id} is given to {node}, which is not there"

    def _loses_the_runs_of_the_dead(self, txn: Txn, before: Before) -> None:
        keys = self._keys
        deleted = {op.key for op in _ops(txn) if op.action is Action.DELETE}
        for record in self._records(txn):
            open_key = keys.open(record.node, record.job_id, record.run_id)
            assert record.state is RunState.lost
            assert keys.node(record.node) not in before, f"its node lives: {open_key}"
            assert open_key in before, f"it had ended: {open_key}"
            assert open_key in deleted

    def _follow_the_fall(self, txn: Txn, before: Before) -> None:
        keys = self._keys
        for op in _ops(txn):
            tail = op.key.removeprefix(keys.failovers)
            if op.action is Action.PUT and tail != op.key and tail.count("/") == 1:
                failover = Failover.from_json(op.value)
                if failover.closed_at is None:
                    assert op.key not in self.falls, f"it falls twice: {op.key}"
                    last = self._lives[failover.node] == failover.incarnation
                    calm = last and self._has_what_is_wanted(failover.node, before)
                    self.falls[op.key] = Fall(calm=calm)
                else:
                    self._closes(txn, failover, self.falls[op.key], before)
        for node, job_id in self._left(txn):
            fall = self._fall_of(node, before)
            if fall is not None and keys.spec(job_id) in before:
                (fall.moved if self._given(txn) else fall.unplaced).add(job_id)
        for record in self._records(txn):
            fall = self._fall_of(record.node, before)
            there = keys.job(record.node, record.job_id) in before
            if fall is not None and there and keys.spec(record.job_id) in before:
                fall.lost_runs += 1
                # There may be more of them, which count now and are closed later.
                fall.calm &= len(self._records(txn)) < MAX_RUNS_IN_A_STEP

    def _has_what_is_wanted(self, node: str, before: Before) -> bool:
        """Whether no edit or removal of its jobs is still to be carried out: who has not heard of
        one counts by what was wanted until then."""
        jobs = self._keys.jobs_of(node)
        for key, held in before.items():
            if key.startswith(jobs):
                wanted = before.get(self._keys.spec(key.removeprefix(jobs)))
                revision = Assignment.from_json(held.value).spec_revision
                if wanted is None or wanted.mod_revision != revision:
                    return False
        return True

    def _fall_of(self, node: str, before: Before) -> Fall | None:
        """The one that is open."""
        roster = before.get(self._keys.roster(node))
        if roster is None or self._keys.node(node) in before:
            return None
        incarnation = Roster.from_json(roster.value).node.incarnation
        fall = self.falls.get(self._keys.failover(node, incarnation))
        return fall if fall is not None and not fall.closed else None

    def _closes(self, txn: Txn, failover: Failover, fall: Fall, before: Before) -> None:
        assert not fall.closed, f"closed twice: {failover}"
        fall.closed = True
        self._is_told_of_once(txn, failover, before)
        if not fall.calm or self._keys.node(failover.node) in before:
            return
        stay = {"bound": 0, "stranded": 0}
        jobs = self._keys.jobs_of(failover.node)
        for key in before:
            if key.startswith(jobs):
                wanted = before.get(self._keys.spec(key.removeprefix(jobs)))
                if wanted is not None:
                    bound = Spec.from_json(wanted.value).job.run_on.bound
                    stay["bound" if bound else "stranded"] += 1
        told = (failover.moved, failover.failed, failover.bound, failover.lost_runs)
        failed = len(fall.unplaced) + stay["stranded"]
        so = (len(fall.moved), failed, stay["bound"], fall.lost_runs)
        assert told == so, f"{failover}: {fall}, {stay}"

    def _is_told_of_once(self, txn: Txn, failover: Failover, before: Before) -> None:
        roster = before.get(self._keys.roster(failover.node))
        flaps = roster is not None and Roster.from_json(roster.value).told == "flapping"
        puts = [op for op in _ops(txn) if op.key.startswith(self._keys.alerts)]
        assert len(puts) == (not flaps), f"of its loss people hear once: {puts}"
        for op in puts:
            facts = Alert.from_json(op.value).facts
            counts = ("moved", "failed", "bound", "lost_runs")
            assert all(facts[name] == getattr(failover, name) for name in counts)

    def _left(self, txn: Txn) -> list[tuple[str, str]]:
        return self._assignments(txn, Action.DELETE)

    def _given(self, txn: Txn) -> list[tuple[str, str]]:
        return self._assignments(txn, Action.PUT)

    def _assignments(self, txn: Txn, action: Action) -> list[tuple[str, str]]:
        """(Node, job id) of the assignments that it writes, or takes away."""
        jobs = self._keys.jobs
        tails = [
            op.key.removeprefix(jobs).partition("/")
            for op in _ops(txn)
            if op.action is action and op.key.startswith(jobs)
        ]
        return [(node, job_id) for node, _, job_id in tails]

    def _records(self, txn: Txn) -> list[RunRecord]:
        runs = [
            read_run(op.value)
            for op in _ops(txn)
            if op.action is Action.PUT and op.key.startswith(self._keys.runs)
        ]
        return [run for run in runs if isinstance(run, RunRecord)]


def _ops(txn: Txn) -> list[Op]:
    return [op for op in txn.then if isinstance(op, Op)]
