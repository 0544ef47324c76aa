"""The moves: each job's step, and what its node's death means for its runs, in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from crony_ops.model.cluster import JobOutcome, Outcome
from crony_ops.model.run import OpenRun, RunRecord, RunState, rerun_of
from crony_ops.model.spec import Assignment, Cursor, Spec
from crony_ops.store import Compare, Op, Txn, absent, absent_under, delete, exists, mod_is, put
from crony_ops.store.endings import end_run
from crony_ops.watcher.failover import is_open
from crony_ops.watcher.order import Move, Order

if TYPE_CHECKING:
    from crony_ops.model.node import Node
    from crony_ops.store import Entry
    from crony_ops.store.keys import Keys
    from crony_ops.watcher.placement import Placement, Step
    from crony_ops.watcher.view import Seen, View

MAX_RUNS_IN_A_STEP = 8
"""What is beyond it comes with the next look."""


@dataclass(frozen=True, slots=True)
class Loss:
    """A life of a node that ended, as far as one of its jobs is concerned."""

    node_name: str
    incarnation: int | None
    runs: Sequence[Seen[OpenRun]]
    failover_is_open: bool


def step_order(
    keys: Keys,
    step: Step,
    *,
    now: float,
    spec: Entry,
    wanted: Spec,
    given: Entry | None,
    cursor: Entry | None,
    loss: Loss | None,
    fence_delay: float,
) -> Txn:
    """One job's step. ``given`` is its assignment at the source; ``loss`` is set when the source
    is dead. The cursor is the target's, and moves up to now where what is due has changed."""
    job_id = step.job_id
    when: list[Compare] = [mod_is(keys.spec(job_id), spec.mod_revision)]
    then: list[Op] = []
    if given is not None:
        when.append(mod_is(given.key, given.mod_revision))
    if step.target and step.target != step.source:
        when += [exists(keys.node(step.target)), absent(keys.job(step.target, job_id))]
    if step.source and step.source != step.target:
        then.append(delete(keys.job(step.source, job_id)))
        if loss is None:
            when.append(absent_under(f"{keys.open_on(step.source)}{job_id}/"))
    if loss is not None:
        outcome = Outcome.moved if step.target else Outcome.unplaced
        ended, ops = loss_order(
            keys,
            step.source,
            job_id,
            loss,
            outcome,
            target=step.target,
            now=now,
            fence_delay=fence_delay,
        )
        when += ended
        then += ops
    if step.target:
        assignment = Assignment(
            job=wanted.job,
            preset_sums=wanted.preset_sums,
            sha256=wanted.sha256,
            spec_revision=spec.mod_revision,
            assigned_at=now,
            moved_from=step.source if step.source != step.target else "",
            stands_in_for=step.stands_in_for,
            leaving=step.leaving,
        )
        then.append(put(keys.job(step.target, job_id), assignment.to_json()))
        cursor_key = keys.cursor(job_id, step.target if wanted.job.run_on.every else "")
        stood_at = tick_of(cursor)
        if stood_at is None or _starts_anew(spec, wanted, given, cursor):
            tick = max(int(now), stood_at or 0)
        elif given is None:
            # Put as it is: a second look at an old picture must not assign the job twice.
            tick = stood_at
        else:
            return Txn(tuple(when), tuple(then))
        when.append(mod_is(cursor_key, cursor.mod_revision if cursor else 0))
        then.append(put(cursor_key, Cursor(tick=tick).to_json()))
    return Txn(tuple(when), tuple(then))


def _starts_anew(spec: Entry, wanted: Spec, given: Entry | None, cursor: Entry | None) -> bool:
    """Whether ticks up to now are none of this assignment's business.

    So it is with a job that is new (or left the files and came back), with a node that is new to
    a job that runs on every node, and with a change of the schedule, the zone or ``run_on``.
    """
    if cursor is None or spec.create_revision > cursor.mod_revision:
        return True
    if given is None:
        return wanted.job.run_on.every
    if spec.create_revision > given.mod_revision:
        return True
    try:
        before = Assignment.from_json(given.value).job
    except ValueError:
        return True
    after = wanted.job
    return (before.schedule, before.timezone, before.run_on) != (
        after.schedule,
        after.timezone,
        after.run_on,
    )


def tick_of(cursor: Entry | None) -> int | None:
    """None where there is no cursor, or none that can be read."""
    try:
        return None if cursor is None else Cursor.from_json(cursor.value).tick
    except ValueError:
        return None


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
    then: list[Op] = []
    runs = loss.runs[:MAX_RUNS_IN_A_STEP]
    for seen in runs:
        ended = lost_run(keys, seen, loss.node_name, now, fence_delay)
        when += ended.when
        then += [op for op in ended.then if isinstance(op, Op)]
    if loss.failover_is_open and loss.incarnation is not None:
        noted = JobOutcome(job_id=job_id, outcome=outcome, to=target, lost_runs=len(loss.runs))
        then.append(put(keys.failover_job(node, loss.incarnation, job_id), noted.to_json()))
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


@dataclass(frozen=True, slots=True)
class Moves:
    """Turns a placement into orders, with all that the view knows of the jobs' runs."""

    view: View
    alive: Mapping[str, Node | None]
    open_runs: Mapping[tuple[str, str], Sequence[Seen[OpenRun]]]
    fence_delay: float
    now: float

    def orders(self, placement: Placement) -> Iterable[Order]:
        settled = {(step.source, step.job_id) for step in placement.steps}
        for step in placement.steps:
            order = self._step(step)
            if order is not None:
                yield order
        staying = {Outcome.stranded: placement.stranded, Outcome.bound: placement.bound}
        for outcome, by_node in staying.items():
            for node, jobs in by_node.items():
                for job_id in jobs:
                    if (node, job_id) not in settled:
                        settled.add((node, job_id))
                        yield from self._stays(node, job_id, outcome)
        for (node, job_id), runs in self.open_runs.items():
            if node not in self.alive and (node, job_id) not in settled:
                name = self.view.node_name(node)
                for seen in runs:
                    yield Order(lost_run(self.view.keys, seen, name, self.now, self.fence_delay))

    def _step(self, step: Step) -> Order | None:
        view = self.view
        spec = view.wants.entry(step.job_id)
        if spec is None:
            return None
        wanted = Spec.from_json(spec.value)
        at = f"/{step.target}" if wanted.job.run_on.every else ""
        leaves_dead = step.source not in self.alive and step.source != step.target
        return Order(
            note=self._in_words(step),
            job=step.job_id,
            move=self._kind(step),
            txn=step_order(
                view.keys,
                step,
                now=self.now,
                spec=spec,
                wanted=wanted,
                given=view.given.entry(f"{step.source}/{step.job_id}") if step.source else None,
                cursor=view.cursors.entry(f"{step.job_id}{at}"),
                loss=self._loss(step.source, step.job_id) if step.source and leaves_dead else None,
                fence_delay=self.fence_delay,
            ),
        )

    def _kind(self, step: Step) -> Move:
        if not step.target:
            return Move.withdrawn
        if step.source == step.target:
            return Move.changed
        if not step.source:
            return Move.placed
        return Move.moved if step.source in self.alive else Move.failed_over

    def _in_words(self, step: Step) -> str:
        source, target = (
            self.view.node_name(uuid) if uuid else "no node" for uuid in (step.source, step.target)
        )
        if step.leaving:
            return f"{step.job_id} leaves {source} when its run has ended"
        if step.source == step.target:
            return f"{step.job_id} is changed on {source}"
        return f"{step.job_id} goes from {source} to {target}"

    def _loss(self, node: str, job_id: str) -> Loss:
        roster = self.view.rosters.get(node)
        incarnation = roster.value.node.incarnation if roster is not None else None
        failover = None
        if incarnation is not None:
            failover = self.view.failovers.get(f"{node}/{incarnation:x}")
        runs = self.open_runs.get((node, job_id), ())
        return Loss(self.view.node_name(node), incarnation, runs, is_open(failover))

    def _stays(self, node: str, job_id: str, outcome: Outcome) -> Iterable[Order]:
        """A job that stays with its lost node: its runs are lost, and its outcome is noted once."""
        loss = self._loss(node, job_id)
        if loss.failover_is_open:
            noted = self.view.failovers.get(f"{node}/{loss.incarnation:x}/{job_id}") is not None
            loss = replace(loss, failover_is_open=not noted)
        if loss.failover_is_open or loss.runs:
            when, then = loss_order(
                self.view.keys,
                node,
                job_id,
                loss,
                outcome,
                target="",
                now=self.now,
                fence_delay=self.fence_delay,
            )
            yield Order(Txn(tuple(when), tuple(then)))
