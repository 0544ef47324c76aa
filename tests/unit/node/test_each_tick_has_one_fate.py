"""Nodes claim, lose their leases, see too little and hear no answer, claims arrive late, jobs are
paused, edited and moved: each tick is run once, made up once, or counted in one gap, or was moved
past by a person."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from crony_ops.model.node import Pause
from crony_ops.model.run import GapRecord, OpenRun, QueuedRun, read_run
from crony_ops.node.ticks import claims
from crony_ops.node.ticks.claims import Claimant
from crony_ops.node.ticks.holding import Holding
from tests.effort import times
from tests.unit.watcher.picture import NOON, Picture, http_job

if TYPE_CHECKING:
    from crony_ops.model.job import Job
    from crony_ops.store import Entry, Txn

NAMES = st.sampled_from(["a", "b"])
FATES = st.lists(
    st.sampled_from(["done", "done", "late", "never sent", "done without an answer"]), max_size=3
)
"""Of the claims that a node makes one after the other."""
AHEAD = 1.0


def jobs() -> st.SearchStrategy[Job]:
    return st.builds(
        lambda schedule, policy, most, loss: http_job(
            schedule=schedule,
            misfire={"policy": policy, "grace": "2m", **({"max": most} if policy == "all" else {})},
            on_node_loss=loss,
        ),
        st.sampled_from(["@every 7s", "*/5 * * * * *", "*/20 * * * * *"]),
        st.sampled_from(["latest", "all", "skip"]),
        st.integers(1, 3),
        st.sampled_from(["report", "rerun"]),
    )


@dataclass
class Agent:
    """What a node believes: it may have lost the lease, or not have heard of its assignment."""

    claimant: Claimant
    holding: Holding | None = None


class Ticks(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.picture = Picture()
        self.now = float(NOON)
        self.agents: dict[str, Agent] = {}
        self.leases = 0
        self.started = Counter[str]()
        self.stood = 0
        self.late: list[tuple[Txn, Claimant, Holding]] = []
        self.picture.want("j", http_job(schedule="@every 7s"))
        self.a_node_registers("a")
        self.picture.look(self.now)
        self.a_node_hears_of_its_assignment("a")

    @rule(name=NAMES)
    def a_node_registers(self, name: str) -> None:
        self.leases += 1
        self.picture.node_up(name, self.leases)
        claimant = Claimant(self.picture.keys, f"u-{name}", name, self.leases)
        known = self.agents.get(name)
        self.agents[name] = Agent(claimant, known.holding if known else None)

    @rule(name=NAMES, fates=FATES)
    def a_node_loses_its_lease_and_does_not_know(self, name: str, fates: list[str]) -> None:
        self.picture.node_dies(name)
        self.the_nodes_claim_what_is_due(7, fates)

    @rule(name=NAMES)
    def a_node_hears_of_its_assignment(self, name: str) -> None:
        agent = self.agents.get(name)
        entry = self.picture.etcd.get(self.picture.keys.job(f"u-{name}", "j"))
        if agent is not None:
            agent.holding = None
            if entry is not None:
                at = (entry.key, entry.value, entry.mod_revision)
                agent.holding = Holding.read("j", *at, self.picture.keys, f"u-{name}")

    @rule(job=jobs(), fates=FATES)
    def the_job_is_edited(self, job: Job, fates: list[str]) -> None:
        self.picture.want("j", job)
        self.the_leader_looks_and_nobody_hears_of_it(fates)

    @rule(seconds=st.integers(1, 60), fates=FATES)
    def the_job_is_paused(self, seconds: int, fates: list[str]) -> None:
        order = Pause(who="ops", at=self.now, until=self.now + seconds)
        self.picture.etcd.put(self.picture.keys.pause("j"), order.to_json())
        self.the_nodes_claim_what_is_due(7, fates)

    @rule(fates=FATES)
    def the_leader_looks_and_nobody_hears_of_it(self, fates: list[str]) -> None:
        self.picture.look(self.now)
        self.the_nodes_claim_what_is_due(7, fates)

    @rule()
    def all_is_well_again(self) -> None:
        for name in self.agents:
            if self.picture.etcd.get(self.picture.keys.node(f"u-{name}")) is None:
                self.a_node_registers(name)
        self.picture.look(self.now)
        for name in self.agents:
            self.a_node_hears_of_its_assignment(name)

    @rule(seconds=st.sampled_from([0.5, 30, 300]))
    def time_passes_and_all_runs_end(self, seconds: float) -> None:
        self.now += seconds
        for key in self.picture.etcd.prefix(self.picture.keys.opens):
            self.picture.etcd.delete(key)

    @rule(seconds=st.sampled_from([5, 7, 20]), fates=FATES)
    def the_nodes_claim_what_is_due(self, seconds: int, fates: list[str]) -> None:
        self.now += seconds
        for agent in self.agents.values():
            for fate in fates:
                if agent.holding is None or not self.advance(agent.claimant, agent.holding, fate):
                    break

    @rule()
    def what_was_late_arrives(self) -> None:
        """After whatever happened since: other claims of the same tick, too."""
        late, self.late = self.late, []
        for txn, me, holding in late:
            self.arrives(txn, me, holding)

    def advance(self, me: Claimant, holding: Holding, fate: str) -> bool:
        """One step of what an agent does; whether there was one."""
        etcd, now = self.picture.etcd, self.now
        if holding.leaving:
            return False
        if holding.cursor is None:
            holding.take_cursor(etcd.get(holding.cursor_key), 0, now)
        for entry in etcd.prefix(me.keys.queue_of("j")).values():
            queued = QueuedRun.from_json(entry.value)
            if queued.not_before <= now:
                self.claim(
                    claims.claim_queued(me, holding, queued, entry, now)[0], me, holding, fate
                )
                return True
        assert holding.cursor is not None
        missed = holding.missed(now)
        tick = holding.schedule.next_after(holding.cursor)
        if missed is None and holding.fires_at(tick) - AHEAD > now:
            return False
        if missed is not None:
            self.claim(claims.account(me, holding, missed, now), me, holding, fate)
        else:
            self.claim(claims.claim_tick(me, holding, tick, now)[0], me, holding, fate)
        return True

    def claim(self, txn: Txn, me: Claimant, holding: Holding, fate: str) -> None:
        """Who gets no answer reads anew what stands, as who is refused does."""
        if fate == "never sent":
            return
        holding.cursor = None
        if fate == "late":
            self.late.append((txn, me, holding))
        elif self.arrives(txn, me, holding) and fate == "done":
            holding.take_cursor(self.picture.etcd.get(holding.cursor_key), 0, self.now)

    def arrives(self, txn: Txn, me: Claimant, holding: Holding) -> bool:
        """Whether the claim is made. If so it must have been worth it at this very moment."""
        etcd = self.picture.etcd
        before, known = dict(etcd.entries), self.picture.cursor("j") or 0
        made = etcd.apply(txn).succeeded
        if made:
            node, given = before.get(me.keys.node(me.uuid)), before.get(holding.key)
            assert node is not None, "who claimed it has no lease"
            assert node.lease == me.incarnation, "who claimed it has lost the lease"
            assert given is not None, "who claimed it has lost the job"
            assert given.mod_revision == holding.revision, "who claimed it knew an older job"
            assert me.keys.pause("j") not in before, "it is paused"
            written = [entry for key, entry in etcd.entries.items() if entry != before.get(key)]
            self.check_fates(holding, known, written)
        return made

    def check_fates(self, holding: Holding, before: int, written: list[Entry]) -> None:
        """What a claim that moved the cursor wrote accounts for each tick that it passed, once."""
        keys = self.picture.keys
        after = self.picture.cursor("j") or 0
        fates: list[int] = []
        for entry in written:
            if entry.key.startswith(keys.opens):
                run = OpenRun.from_json(entry.value)
                self.started[run.run_id] += 1
                fates += [run.tick] if run.kind == "tick" else []
            elif entry.key.startswith(keys.queue):
                fates.append(QueuedRun.from_json(entry.value).tick)
            elif entry.key.startswith(keys.runs):
                gap = read_run(entry.value)
                assert isinstance(gap, GapRecord)
                counted = list(holding.schedule.between(gap.first - 1, gap.last))
                assert gap.count == len(counted)
                fates += counted
        passed = list(holding.schedule.between(before, after))
        assert sorted(fates) == passed, "the ticks that it accounts for are not those it passed"

    @invariant()
    def no_run_is_made_twice(self) -> None:
        assert all(count == 1 for count in self.started.values()), self.started

    @invariant()
    def the_cursor_never_goes_back(self) -> None:
        stands = self.picture.cursor("j") or 0
        assert stands >= self.stood
        self.stood = stands

    def teardown(self) -> None:
        """Left in peace, all that is due is accounted for, and nothing waits."""
        self.what_was_late_arrives()
        for name in ("a", "b"):
            self.a_node_registers(name)
        for _ in range(4):
            self.now += 30
            self.picture.look(self.now)
        for name in ("a", "b"):
            self.a_node_hears_of_its_assignment(name)
        for _ in range(60):
            self.the_nodes_claim_what_is_due(0, ["done"])
        (home,) = self.picture.homes("j")
        holding = self.agents[home].holding
        assert holding is not None
        assert not self.picture.etcd.prefix(self.picture.keys.queue)
        due = holding.schedule.newest_at(int(self.now))
        assert due is not None
        assert (self.picture.cursor("j") or 0) >= due


TestTicks: Any = pytest.mark.fuzz(Ticks.TestCase)
TestTicks.settings = times(3)
