"""A key space to decide on: built by hand, changed by decisions, read as the leader reads it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, cast

from crony_ops.model.job import Job, RunOn
from crony_ops.model.node import Node
from crony_ops.model.run import OpenRun, RunRecord, read_run, tick_run_id
from crony_ops.model.spec import Assignment, Cursor, Source, Spec
from crony_ops.store.keys import Keys
from crony_ops.watcher import cursors, failover, job_health, rebalance
from crony_ops.watcher.balance import balance
from crony_ops.watcher.moves import Moves
from crony_ops.watcher.order import Order
from crony_ops.watcher.placement import Placement, place
from crony_ops.watcher.removal import Removals
from crony_ops.watcher.view import View
from tests.unit.etcd_model import EtcdModel

if TYPE_CHECKING:
    from crony_ops.store import Mirror, TxnResult

FENCE_DELAY = 5.0
REMIND = 14_400
TTL = 10.0
NOON = 1_800_000_000
REMOVAL_LEASE = 99


def http_job(**fields: object) -> Job:
    return Job.model_validate({"schedule": "* * * * *", "http": {"url": "http://x"}, **fields})


class Picture:
    def __init__(self) -> None:
        self.keys = Keys()
        self.etcd = EtcdModel()
        self.view = self.fresh_view()

    def fresh_view(self) -> View:
        """As a new leader has it."""
        self.view = View(cast("Mirror", self.etcd), self.keys, cmd_auto_allocation=False)
        return self.view

    def node_up(self, name: str, incarnation: int = 1, *groups: str) -> Node:
        node = Node(uuid=f"u-{name}", name=name, incarnation=incarnation, groups=groups)
        self.etcd.put(self.keys.node(node.uuid), node.to_json(), lease=incarnation)
        return node

    def node_dies(self, name: str) -> None:
        self.etcd.delete(self.keys.node(f"u-{name}"))

    def want(
        self, job_id: str, job: Job | None = None, preset_sums: dict[str, str] | None = None
    ) -> None:
        spec = Spec.of(job or http_job(), Source(file="jobs/x.yaml"), preset_sums or {})
        self.etcd.put(self.keys.spec(job_id), spec.to_json())

    def claim(self, name: str, job_id: str, tick: int) -> OpenRun:
        """As an agent does it: the cursor at the tick, and the open run."""
        given = self.etcd.get(self.keys.job(f"u-{name}", job_id))
        assert given is not None
        job = Assignment.from_json(given.value).job
        run = OpenRun(
            run_id=tick_run_id(tick, name if job.run_on.every else ""),
            job_id=job_id,
            tick=tick,
            node=f"u-{name}",
            incarnation=1,
            epoch=given.mod_revision,
            on_node_loss_rerun=job.rerun,
            bound=job.run_on.bound,
            claimed_at=tick,
        )
        self.set_cursor(job_id, tick, f"u-{name}" if job.run_on.every else "")
        self.etcd.put(self.keys.open(run.node, job_id, run.run_id), run.to_json())
        return run

    def set_cursor(self, job_id: str, tick: int, node: str = "") -> None:
        self.etcd.put(self.keys.cursor(job_id, node), Cursor(tick=tick).to_json())

    def cursor(self, job_id: str, node: str = "") -> int | None:
        entry = self.etcd.get(self.keys.cursor(job_id, node))
        return None if entry is None else Cursor.from_json(entry.value).tick

    def homes(self, job_id: str) -> list[str]:
        """The names of the nodes that the job is assigned to."""
        found = (key.removeprefix(self.keys.jobs) for key in self.etcd.prefix(self.keys.jobs))
        pairs = (tail.split("/") for tail in found)
        return [node.removeprefix("u-") for node, job in pairs if job == job_id]

    def record(self, run: OpenRun) -> RunRecord | None:
        entry = self.etcd.get(self.keys.run(run.job_id, run.run_id))
        if entry is None:
            return None
        record = read_run(entry.value)
        assert isinstance(record, RunRecord)
        return record

    def placement(self) -> Placement:
        view = self.view
        wants = [seen.value for _, seen in view.wants.items()]
        marks = view.away(), view.leaving()
        return place(wants, view.assigned(), view.fleet(), view.busy(), *marks)

    def spread(self, now: float) -> list[Order]:
        """What follows from a wish that the jobs be spread evenly."""
        view = self.view
        wish = view.rebalances.get("")
        if wish is None:
            return []
        wants, busy = [seen.value for _, seen in view.wants.items()], view.busy()
        steps = balance(wants, view.assigned(), view.fleet(), busy, view.resting())
        placement = Placement()
        rebalance.join(placement, steps, busy)
        moves = Moves(view, view.alive(), view.open_runs(), FENCE_DELAY, now)
        ending = rebalance.ending(self.keys, wish, steps, now)
        return [*moves.orders(placement), *ending]

    def moves(self, now: float) -> list[Order]:
        view = self.view
        moves = Moves(view, view.alive(), view.open_runs(), FENCE_DELAY, now)
        return list(moves.orders(self.placement()))

    def carry_out(self, orders: Iterable[Order]) -> list[TxnResult]:
        return [self.etcd.apply(order.txn) for order in orders]

    def look(self, now: float = NOON, clocks: Mapping[str, float | None] | None = None) -> int:
        """One whole look of the leader; how many orders were carried out."""
        done: list[TxnResult] = []
        view = self.view
        done += self.carry_out(failover.upkeep(view, view.alive(), clocks or {}, now))
        done += self.carry_out(self.moves(now))
        done += self.carry_out(self.spread(now))
        done += self.carry_out(cursors.missing(view, view.assigned(), now))
        for seen in failover.decided(view):
            outcomes = [
                outcome.value
                for tail, outcome in view.failovers.items()
                if tail.startswith(f"{seen.value.node}/{seen.value.incarnation:x}/")
            ]
            closing = failover.close_failover(
                self.keys,
                seen,
                outcomes,  # type: ignore[arg-type]
                view.rosters.get(seen.value.node),
                remind=REMIND,
                now=now,
            )
            done += self.carry_out([Order(*closing)])
        done += self.carry_out(job_health.digest(view, now))
        done += self.carry_out(failover.told_in_time(view, ttl=TTL, remind=REMIND, now=now))
        done += self.carry_out(job_health.reminders(view, now))
        done += self.carry_out(job_health.dragging(view, now))
        done += self.carry_out(cursors.ended_pauses(view, view.assigned(), now))
        done += self.carry_out(cursors.of_forgotten_nodes(view, view.assigned()))
        removals = Removals(view)
        if removals.jobs:
            done += self.carry_out(removals.orders(REMOVAL_LEASE))
        return sum(result.succeeded for result in done)


def every_node(**fields: object) -> Job:
    return http_job(run_on=RunOn(every=True), **fields)
