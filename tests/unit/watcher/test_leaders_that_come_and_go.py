"""Nodes, specs and leaders come and go, and requests are late or lost: what holds all the same."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from crony_ops.model.cluster import Rebalance
from crony_ops.model.job import RunOn
from crony_ops.model.node import Cordon, Pause
from crony_ops.model.run import MAX_RERUNS, OpenRun, QueuedRun, RunState
from crony_ops.model.spec import Assignment
from crony_ops.watcher import cursors, failover, job_health
from crony_ops.watcher.removal import Removals
from tests.unit.watcher.picture import NOON, REMOVAL_LEASE, Picture, http_job

if TYPE_CHECKING:
    from crony_ops.watcher.order import Order

NODES = st.sampled_from(["a", "b", "c"])
JOBS = {
    "roams": http_job(on_node_loss="rerun"),
    "roams.5": http_job(schedule="*/5 * * * *"),
    "pinned": http_job(run_on=RunOn(node="a"), on_node_loss="rerun"),
    "everywhere": http_job(run_on=RunOn(every=True)),
}
IDS = st.sampled_from(["j", "k"])


class Leaders(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.picture = Picture()
        self.now = NOON
        self.incarnation = 0
        self.stood_at: dict[str, int] = {}
        self.lost = Counter[tuple[str, str]]()
        self.claimed = Counter[tuple[str, str]]()
        self.late: list[Order] = []

    @rule(name=NODES)
    def a_node_comes(self, name: str) -> None:
        if self.picture.etcd.get(self.picture.keys.node(f"u-{name}")) is None:
            self.incarnation += 1
            self.picture.node_up(name, self.incarnation)

    @rule(name=NODES)
    def a_node_dies(self, name: str) -> None:
        self.picture.node_dies(name)

    @rule(job_id=IDS, kind=st.sampled_from(sorted(JOBS)))
    def a_spec_is_written(self, job_id: str, kind: str) -> None:
        self.picture.want(job_id, JOBS[kind])

    @rule(job_id=IDS)
    def a_spec_is_removed(self, job_id: str) -> None:
        keys, etcd = self.picture.keys, self.picture.etcd
        if etcd.get(keys.spec(job_id)) is not None:
            etcd.delete(keys.spec(job_id))
            etcd.put(keys.pause(job_id), Pause(who="s", at=self.now, removal=True).to_json())

    @rule(data=st.data())
    def a_living_node_claims(self, data: st.DataObject) -> None:
        picture = self.picture
        entitled = []
        for key in picture.etcd.prefix(picture.keys.jobs):
            node, job_id = key.removeprefix(picture.keys.jobs).split("/")
            paused = picture.etcd.get(picture.keys.pause(job_id))
            if picture.etcd.get(picture.keys.node(node)) and not paused:
                entitled.append((node, job_id))
        if not entitled:
            return
        node, job_id = data.draw(st.sampled_from(entitled))
        queued = picture.etcd.prefix(picture.keys.queue_of(job_id))
        takes_queued: bool = data.draw(st.booleans())
        if queued and takes_queued:
            self._claim_queued(node, job_id, next(iter(queued)))
            return
        at = node if self._every(node, job_id) else ""
        stood = picture.cursor(job_id, at)
        if stood is not None:
            run = picture.claim(node.removeprefix("u-"), job_id, max(stood + 1, self.now))
            self.claimed[job_id, run.run_id] += 1

    def _every(self, node: str, job_id: str) -> bool:
        entry = self.picture.etcd.entries[self.picture.keys.job(node, job_id)]
        return Assignment.from_json(entry.value).job.run_on.every

    def _claim_queued(self, node: str, job_id: str, key: str) -> None:
        picture = self.picture
        queued = QueuedRun.from_json(picture.etcd.entries[key].value)
        run = OpenRun(
            run_id=queued.run_id,
            job_id=job_id,
            tick=queued.tick,
            node=node,
            incarnation=1,
            rerun=queued.rerun,
            on_node_loss_rerun=True,
        )
        picture.etcd.delete(key)
        picture.etcd.put(picture.keys.open(node, job_id, run.run_id), run.to_json())
        self.claimed[job_id, run.run_id] += 1

    @rule(name=NODES)
    def a_node_is_drained(self, name: str) -> None:
        order = Cordon(who="ops", at=self.now, evict=True)
        self.picture.etcd.put(self.picture.keys.cordon(f"u-{name}"), order.to_json())

    @rule(name=NODES)
    def a_node_is_uncordoned(self, name: str) -> None:
        self.picture.etcd.delete(self.picture.keys.cordon(f"u-{name}"))

    @rule(name=NODES)
    def a_lost_node_is_forgotten(self, name: str) -> None:
        keys, etcd = self.picture.keys, self.picture.etcd
        if etcd.get(keys.node(f"u-{name}")) is None:
            etcd.delete(keys.roster(f"u-{name}"))
            etcd.delete(keys.cordon(f"u-{name}"))
            # Nobody claims ahead of time: what it has claimed is of the past if it comes back.
            self.now = max(self.now, 0, *self.stood_at.values()) + 1

    @rule()
    def the_jobs_are_to_be_spread(self) -> None:
        order = Rebalance(who="ops", at=self.now)
        self.picture.etcd.put(self.picture.keys.rebalance, order.to_json())

    @rule()
    def the_leader_looks(self) -> None:
        self.picture.look(self.now)
        self._count_the_lost()

    @rule()
    def another_leads(self) -> None:
        self.picture.fresh_view()

    @rule(data=st.data())
    def a_leader_looks_and_some_of_its_orders_are_late_or_lost(self, data: st.DataObject) -> None:
        """A late one comes after whatever happens next: every compare must still be worth it."""
        picture = self.picture
        view = picture.view
        orders: list[Order] = [
            *failover.upkeep(view, view.alive(), {}, self.now),
            *picture.moves(self.now),
            *cursors.of_forgotten_nodes(view, view.assigned()),
            *cursors.missing(view, view.assigned(), self.now),
            *cursors.ended_pauses(view, view.assigned(), self.now),
            *job_health.digest(view, self.now),
            *Removals(view).orders(REMOVAL_LEASE),
        ]
        for order in orders:
            fate = data.draw(st.sampled_from(["done", "late", "lost"]))
            if fate == "done":
                picture.carry_out([order])
            elif fate == "late":
                self.late.append(order)
        self._count_the_lost()

    @rule()
    def what_was_late_arrives(self) -> None:
        late, self.late = self.late, []
        self.picture.carry_out(late)
        self._count_the_lost()

    @rule(seconds=st.integers(1, 100))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds

    def _count_the_lost(self) -> None:
        """Each lost run is one record; take it away, so that a second one would show."""
        keys, etcd = self.picture.keys, self.picture.etcd
        for key, entry in etcd.prefix(keys.runs).items():
            assert f'"{RunState.lost}"'.encode() in entry.value
            job_id, run_id = key.removeprefix(keys.runs).split("/")
            self.lost[job_id, run_id] += 1
            etcd.delete(key)

    @invariant()
    def a_job_is_on_one_node_unless_it_is_for_every_node(self) -> None:
        keys, etcd = self.picture.keys, self.picture.etcd
        once = Counter[str]()
        for key in etcd.prefix(keys.jobs):
            node, job_id = key.removeprefix(keys.jobs).split("/")
            once[job_id] += not self._every(node, job_id)
        assert max(once.values(), default=0) <= 1

    @invariant()
    def a_cursor_never_goes_back(self) -> None:
        keys = self.picture.keys
        there = self.picture.etcd.prefix(keys.cursors)
        self.stood_at = {key: tick for key, tick in self.stood_at.items() if key in there}
        for key in there:
            job_id, _, node = key.removeprefix(keys.cursors).partition("/")
            tick = self.picture.cursor(job_id, node)
            assert tick is not None
            assert tick >= self.stood_at.get(key, 0)
            self.stood_at[key] = tick

    @invariant()
    def a_claimed_run_is_lost_at_most_once_and_run_again_at_most_three_times(self) -> None:
        for run, count in self.lost.items():
            assert count <= self.claimed[run]
        assert all(count == 1 for count in self.claimed.values())
        for key in self.picture.etcd.prefix(self.picture.keys.queue):
            number = key.rpartition("-r")[2].partition("@")[0]
            assert int(number) <= MAX_RERUNS

    def teardown(self) -> None:
        """Left in peace, it comes to rest, and nothing is left over."""
        picture, keys = self.picture, self.picture.keys
        self.what_was_late_arrives()
        for _ in range(6):
            picture.look(self.now)
            self._count_the_lost()
        assert picture.look(self.now) == 0
        alive = {key.removeprefix(keys.nodes) for key in picture.etcd.prefix(keys.nodes)}
        for key in picture.etcd.prefix(keys.opens):
            assert key.removeprefix(keys.opens).split("/")[0] in alive
        assert not picture.etcd.prefix(keys.all_news)
        for job_id in ("j", "k"):
            if picture.etcd.get(keys.spec(job_id)) is None:
                left = [e for k, e in picture.etcd.entries.items() if job_id in k.split("/")]
                kept = (keys.cursors, keys.opens, keys.failovers)
                assert all(entry.key.startswith(kept) for entry in left), left
                assert all(e.lease for e in left if e.key.startswith(keys.cursors))


TestLeaders: Any = pytest.mark.fuzz(Leaders.TestCase)
