"""The moves: a placement as the orders that carry it out, with what becomes of the jobs' runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from crony_ops.model.cluster import Outcome
from crony_ops.model.spec import Spec
from crony_ops.store import Txn, absent
from crony_ops.watcher.failover import is_open
from crony_ops.watcher.loss import Loss, loss_order, lost_run
from crony_ops.watcher.order import Move, Order
from crony_ops.watcher.step_order import step_order

if TYPE_CHECKING:
    from crony_ops.model.node import Node
    from crony_ops.model.run import OpenRun
    from crony_ops.store import Entry
    from crony_ops.watcher.placement import Placement, Step
    from crony_ops.watcher.view import Seen, View


class Moves:
    """Turns a placement into orders, with all that the view knows of the jobs' runs. For one look:
    what it has read of a node it does not read again."""

    def __init__(
        self,
        view: View,
        alive: Mapping[str, Node | None],
        open_runs: Mapping[tuple[str, str], Sequence[Seen[OpenRun]]],
        fence_delay: float,
        now: float,
    ) -> None:
        self._view = view
        self._alive = alive
        self._open_runs = open_runs
        self._fence_delay = fence_delay
        self._now = now
        self._name = cache(view.node_name)
        self._fall = cache(self._fall_of)

    def orders(self, placement: Placement) -> Iterator[Order]:
        """The view may change while they are made: a job goes by the spec that it was placed by,
        and all else that it goes by is compared."""
        settled = {(step.source, step.job_id) for step in placement.steps}
        # A job may stand on lost nodes, too, which it leaves at the same time.
        lost_homes: defaultdict[str, list[str]] = defaultdict(list)
        for step in placement.steps:
            if not step.target and step.source not in self._alive:
                lost_homes[step.job_id].append(step.source)
        specs = [self._view.wants.entry(step.job_id) for step in placement.steps]
        for step, spec in zip(placement.steps, specs, strict=True):
            if spec is not None:
                yield self._step(step, spec, lost_homes.get(step.job_id, ()))
        staying = {Outcome.stranded: placement.stranded, Outcome.bound: placement.bound}
        for outcome, by_node in staying.items():
            for node, jobs in by_node.items():
                for job_id in jobs:
                    if (node, job_id) not in settled:
                        settled.add((node, job_id))
                        yield from self._stays(node, job_id, outcome)
        for (node, job_id), runs in self._open_runs.items():
            if node not in self._alive and (node, job_id) not in settled:
                name, keys = self._name(node), self._view.keys
                for seen in runs:
                    yield Order(lost_run(keys, seen, name, self._now, self._fence_delay))

    def _step(self, step: Step, spec: Entry, lost_homes: Sequence[str]) -> Order:
        """One of the ``lost_homes`` that is back by now keeps the job: then no other is given it,
        or it would stand on both."""
        view = self._view
        wanted = Spec.from_json(spec.value)
        at = f"/{step.target}" if wanted.job.run_on.every else ""
        leaves_dead = step.source not in self._alive and step.source != step.target
        txn = step_order(
            view.keys,
            step,
            now=self._now,
            spec=spec,
            wanted=wanted,
            given=view.given.get(f"{step.source}/{step.job_id}") if step.source else None,
            cursor=view.cursors.entry(f"{step.job_id}{at}"),
            loss=self._loss(step.source, step.job_id) if step.source and leaves_dead else None,
            fence_delay=self._fence_delay,
        )
        if lost_homes and step.target and not wanted.job.run_on.every:
            still_lost = (absent(view.keys.node(uuid)) for uuid in lost_homes)
            txn = replace(txn, when=(*txn.when, *still_lost))
        return Order(txn, note=self._in_words(step), job=step.job_id, move=self._kind(step))

    def _kind(self, step: Step) -> Move:
        if not step.target:
            return Move.withdrawn
        if step.source == step.target:
            return Move.changed
        if not step.source:
            return Move.placed
        return Move.moved if step.source in self._alive else Move.failed_over

    def _in_words(self, step: Step) -> str:
        source, target = (
            self._name(uuid) if uuid else "no node" for uuid in (step.source, step.target)
        )
        if step.leaving:
            return f"{step.job_id} leaves {source} when its run has ended"
        if step.source == step.target:
            return f"{step.job_id} is changed on {source}"
        return f"{step.job_id} goes from {source} to {target}"

    def _loss(self, node: str, job_id: str) -> Loss:
        fall = self._fall(node)
        runs, noted = self._open_runs.get((node, job_id), ()), None
        if fall.incarnation is not None:
            noted = self._view.failovers.entry(f"{node}/{fall.incarnation:x}/{job_id}")
        return replace(fall, runs=runs, outcome=noted.mod_revision if noted is not None else 0)

    def _fall_of(self, node: str) -> Loss:
        """What its loss is to each of its jobs."""
        roster, failover = self._view.rosters.get(node), None
        incarnation = roster.value.node.incarnation if roster is not None else None
        if incarnation is not None:
            failover = self._view.failovers.get(f"{node}/{incarnation:x}")
        return Loss(
            node_name=self._name(node),
            incarnation=incarnation,
            runs=(),
            failover=failover.entry.mod_revision if failover is not None else 0,
            outcome=0,
            failover_is_open=is_open(failover),
        )

    def _stays(self, node: str, job_id: str, outcome: Outcome) -> Iterable[Order]:
        """A job that stays with its lost node: its runs are lost, and its outcome is noted once."""
        loss = self._loss(node, job_id)
        if loss.failover_is_open:
            # One that can't be read is noted anew, in its place.
            noted = self._view.failovers.get(f"{node}/{loss.incarnation:x}/{job_id}") is not None
            loss = replace(loss, failover_is_open=not noted)
        if loss.failover_is_open or loss.runs:
            when, then = loss_order(
                self._view.keys,
                node,
                job_id,
                loss,
                outcome,
                target="",
                now=self._now,
                fence_delay=self._fence_delay,
            )
            yield Order(Txn(tuple(when), tuple(then)))
