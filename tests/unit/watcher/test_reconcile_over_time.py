"""Leaders reconcile while things happen, through an etcd that may fail any request: nothing is
written over what nobody saw, and once etcd answers again all comes to rest."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from unittest.mock import patch

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from crony_ops.errors import GuardFailed, StoreError
from crony_ops.model.cluster import Failover, Leader
from crony_ops.model.spec import Assignment
from crony_ops.store import Batcher, Mirror, Txn, create_is
from crony_ops.watcher import reconcile
from crony_ops.watcher.leadership import win_election
from crony_ops.watcher.metrics import WatcherMetrics
from crony_ops.watcher.reconcile import FORGET_EVERY, Look, Reconciler
from crony_ops.watcher.settings import WatcherSettings
from crony_ops.watcher.spreading import Spreading
from crony_ops.watcher.view import View
from tests.unit.failing_etcd import FailingEtcd, Fate
from tests.unit.watcher.happenings import EITHER, EVENTS, IDS, INDEX, JOBS, NAMES, Event, Happenings
from tests.unit.watcher.picture import Picture
from tests.unit.watcher.situation import Situation

if TYPE_CHECKING:
    from collections.abc import Collection

    from crony_ops.store import TxnResult
    from tests.unit.watcher.witness import Witness

DEPOSED: Event = ("another_leads",)
LATE_ONES: Event = ("late_ones_arrive",)
MOST_LOOKS_TO_REST = 6


class Arrival(NamedTuple):
    """What happens just before a request arrives, and what becomes of it."""

    happens: list[Event]
    fate: Fate


class Planned(NamedTuple):
    """One look: what happens before it, of which prefixes its watch lags behind, and what becomes
    of its requests, one after the other; those beyond are done. ``late_after``: whether what was
    late arrives when all of it is over."""

    happens: list[Event] = []
    deaf: Collection[str] = ()
    arrivals: list[Arrival] = []
    late_after: bool = False


PREFIXES = View.prefixes(Picture().keys)
FATES = st.sampled_from([Fate.DONE, Fate.DONE, Fate.UNSENT, Fate.UNANSWERED, Fate.LATE])
IN_BETWEEN = st.lists(st.one_of(EVENTS, EVENTS, st.sampled_from([LATE_ONES, DEPOSED])), max_size=2)
ARRIVALS = st.lists(st.builds(Arrival, IN_BETWEEN, FATES), max_size=6)
DEAF = st.sets(st.sampled_from(PREFIXES), max_size=3)
LOOKS = st.lists(
    st.builds(Planned, st.lists(EVENTS, max_size=3), DEAF, ARRIVALS, EITHER), min_size=1, max_size=4
)
AT_ONCE = st.sampled_from([2, 3, 100])


class Reconciling(Happenings, RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.lease = 1_000_000
        self.looked = Look(cast("Any", None))
        self.connections: list[FailingEtcd] = []
        self.settings = WatcherSettings(id="w")
        self.runner = asyncio.Runner()
        self.patches = ExitStack()
        self.patches.enter_context(patch.object(reconcile, "time", self))

    # The clock that the leaders go by.

    def time(self) -> float:
        return float(self.now)

    monotonic = time

    @initialize(
        kinds=st.lists(st.sampled_from(sorted(JOBS)), min_size=2, max_size=4),
        at_a_stretch=st.sampled_from([1, reconcile.AT_A_STRETCH]),
    )
    def there_is_a_fleet(self, kinds: list[str], at_a_stretch: int) -> None:
        self.patches.enter_context(patch.object(reconcile, "AT_A_STRETCH", at_a_stretch))
        for name, groups in {"a": (), "b": ("web",), "c": ("web",)}.items():
            self.a_node_comes(name, groups, ("s1",))
        for job_id, kind in zip(IDS, kinds, strict=False):
            self.a_spec_is_written(job_id, kind)
        self.settle()

    @rule(events=st.lists(EVENTS, min_size=1, max_size=3))
    def things_happen(self, events: list[Event]) -> None:
        self.happen(events)

    @rule(looks=LOOKS, at_once=AT_ONCE)
    def a_watcher_leads(self, looks: list[Planned], at_once: int) -> None:
        self.runner.run(self.lead(looks, at_once))

    @rule(name=NAMES, claims=st.lists(INDEX, max_size=3), looks=LOOKS, at_once=AT_ONCE)
    def a_node_dies_in_mid_run(
        self, name: str, claims: list[int], looks: list[Planned], at_once: int
    ) -> None:
        for index in claims:
            self.a_node_claims(index)
        self.a_node_dies(name)
        self.runner.run(self.lead(looks, at_once))

    def a_node_dies(self, name: str) -> None:
        """A lease takes its time to run out, and no watch lags for as long as that."""
        for etcd in self.connections:
            etcd.hear_all()
        super().a_node_dies(name)

    def late_ones_arrive(self) -> None:
        for etcd in self.connections:
            etcd.late_ones_arrive()

    # Who leads.

    async def lead(self, looks: list[Planned], at_once: int) -> None:
        """A watcher that starts, and leads until it has looked so often or is deposed."""
        self.lease += 1
        lease, planned = self.lease, deque(looks)
        arrivals: deque[Arrival] = deque()

        async def arriving() -> Fate:
            if not arrivals:
                return Fate.DONE
            arrival = arrivals.popleft()
            for event in arrival.happens:
                if event == DEPOSED:
                    await self.lead([Planned()], 100)
                else:
                    self.happen([event])
            return arrival.fate

        etcd = FailingEtcd(self.model, arriving=arriving, done=self.witness.done, at_once=at_once)
        self.connections.append(etcd)
        mirror = Mirror(cast("Any", etcd), PREFIXES)
        self.model.delete(self.keys.leader)
        async with asyncio.TaskGroup() as group:
            following = group.create_task(mirror.run())
            await mirror.synced()
            while planned:
                try:
                    await self.one_term(etcd, mirror, lease, planned, arrivals)
                except* GuardFailed:
                    planned.clear()
                except* StoreError:
                    arrivals.clear()
            following.cancel()

    async def one_term(
        self,
        etcd: FailingEtcd,
        mirror: Mirror,
        lease: int,
        planned: deque[Planned],
        arrivals: deque[Arrival],
    ) -> None:
        """As the daemon does it: until a request fails."""
        claim = Leader(id=f"w{lease}", since=self.now)
        term = await win_election(
            cast("Any", etcd), mirror, self.keys, claim=claim, lease=lease, before=None
        )
        if term is None:
            planned.clear()
            return
        await mirror.reached(self.keys.leader, term)
        view = View(mirror, self.keys, cmd_auto_allocation=False)
        batcher = Observed(self.witness, mirror, etcd, create_is(self.keys.leader, term))
        async with asyncio.TaskGroup() as group:
            sender = group.create_task(batcher.run())
            reconciler = Reconciler(
                cast("Any", etcd),
                view,
                batcher,
                self.settings,
                METRICS,
                Spreading(group, on_found=lambda: None),
            )
            while planned:
                plan = planned.popleft()
                self.happen(plan.happens)
                etcd.hear(set(PREFIXES).difference(plan.deaf))
                arrivals.extend(plan.arrivals)
                self.looked = await reconciler.look(self.clocks)
                arrivals.clear()
                if plan.late_after:
                    self.late_ones_arrive()
            sender.cancel()

    # What holds.

    @invariant()
    def a_job_is_on_one_node_unless_it_is_for_every_node(self) -> None:
        homes: dict[str, int] = {}
        for key, entry in self.model.prefix(self.keys.jobs).items():
            job_id = key.rpartition("/")[2]
            if not Assignment.from_json(entry.value).job.run_on.every:
                homes[job_id] = homes.get(job_id, 0) + 1
        assert max(homes.values(), default=0) <= 1

    def teardown(self) -> None:
        try:
            self.settle()
        finally:
            self.patches.close()
            self.runner.close()

    def settle(self) -> None:
        """Etcd answers again, and what was late is done: all comes to rest."""
        self.late_ones_arrive()
        calm, later = Planned(), Planned([("time_passes", 11)])
        swept = Planned([("time_passes", FORGET_EVERY)])
        self.runner.run(self.lead([calm, later, *[calm] * (MOST_LOOKS_TO_REST - 3), swept], 100))
        before = dict(self.model.entries)
        self.runner.run(self.lead([calm], 100))
        after = {k: e for k, e in self.model.entries.items() if k != self.keys.leader}
        before.pop(self.keys.leader, None)
        changed = {k for k in before.keys() | after.keys() if before.get(k) != after.get(k)}
        assert not changed, "it does not come to rest"
        assert not self.looked.refused
        self.jobs_are_where_they_may_be()
        self.nothing_is_left_over()

    def jobs_are_where_they_may_be(self) -> None:
        view = self.picture.fresh_view()
        fleet = view.fleet()
        there = Situation()
        there.nodes = {u: node for u, node in {**fleet.known, **fleet.alive}.items() if node}
        there.down = there.nodes.keys() - fleet.alive.keys()
        there.marked = {
            "cordoned": set(fleet.cordoned),
            "evicting": set(fleet.evicting),
            "skewed": set(fleet.skewed),
        }
        there.wants = {job_id: seen.value for job_id, seen in view.wants.items()}
        there.homes, there.away = view.assigned(), view.away()
        there.leaving, there.busy = set(view.leaving()), set(view.busy())
        for want in there.wants.values():
            there.is_where_it_may_be(want, self.looked.placement)
        assert all(self.looked.placement.unplaced.values()), "without a reason"
        assert there.homes.keys() <= there.wants.keys(), "nobody wants it"

    def nothing_is_left_over(self) -> None:
        keys, model = self.keys, self.model
        assert not model.prefix(keys.all_news)
        for run in self.open_runs():
            assert model.get(keys.node(run.node)), f"open for ever: {run}"
        failovers = model.prefix(keys.failovers)
        for key, entry in failovers.items():
            assert key in self.witness.falls, f"an outcome is left over: {key}"
            assert Failover.from_json(entry.value).closed_at is not None, f"half done: {key}"
        assert self.witness.falls.keys() == failovers.keys()


class Observed(Batcher):
    """Its witness hears what the leader knew when it decided."""

    def __init__(self, witness: Witness, mirror: Mirror, etcd: FailingEtcd, guard: Any) -> None:
        super().__init__(cast("Any", etcd), guard=(guard,))
        self._witness = witness
        self._mirror_then = mirror

    def enter(self, txn: Txn) -> asyncio.Future[TxnResult]:
        self._witness.decided(txn, self._mirror_then)
        return super().enter(txn)


class Raced(Reconciling):
    def somebody_notes(self, name: str) -> None:
        key = self.keys.roster(f"u-{name}")
        self.model.put(key, self.model.entries[key].value)


def test_what_moves_off_a_node_is_counted_though_its_loss_was_noted_only_at_the_second_try() -> (
    None
):
    days = Raced()
    days.there_is_a_fleet(["roams", "roams.5", "pinned"], reconcile.AT_A_STRETCH)
    moved = [job_id for job_id in IDS[:2] if days.picture.homes(job_id) == ["a"]]
    days.a_node_dies("a")
    refused = Arrival([("somebody_notes", "a")], Fate.DONE)
    days.runner.run(days.lead([Planned(arrivals=[refused]), Planned()], 100))
    (failover,) = (
        Failover.from_json(entry.value)
        for key, entry in days.model.prefix(days.keys.failovers).items()
        if key.removeprefix(days.keys.failovers).count("/") == 1
    )
    assert moved
    assert (failover.moved, failover.bound) == (len(moved), 1)
    days.teardown()


def test_a_job_that_leaves_a_lost_node_is_given_to_no_other_if_that_node_is_back_by_then() -> None:
    days = Reconciling()
    days.there_is_a_fleet(["everywhere"], 1)
    # It is to run on one node from now on. `b` learns of it, `c` does not yet.
    days.a_node_dies("a")
    halfway = [Arrival([], Fate.DONE), Arrival([], Fate.UNSENT)]
    changed: Event = ("a_spec_is_written", IDS[0], "preset")
    back = [Arrival([("a_node_comes", "b", (), ())], Fate.DONE)]
    gone: list[Event] = [("a_node_dies", "b"), ("a_lost_node_is_forgotten", "b")]
    looks = [Planned([changed], arrivals=halfway), Planned(gone, arrivals=back)]
    days.runner.run(days.lead(looks, 2))
    days.a_job_is_on_one_node_unless_it_is_for_every_node()
    days.teardown()


METRICS = WatcherMetrics()

TestReconciling: Any = pytest.mark.fuzz(Reconciling.TestCase)
# A step is up to four looks, and what happens between them.
TestReconciling.settings = settings(stateful_step_count=settings().stateful_step_count // 3)
