"""A fleet through its days: after each change the jobs are where they may be, and none has moved
that need not have."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from crony_ops.watcher.balance import balance
from tests.effort import times
from tests.unit.watcher.situation import Situation
from tests.unit.watcher.test_placement import GROUPS, RUN_ONS, SUMS

if TYPE_CHECKING:
    from crony_ops.model.job import RunOn
    from crony_ops.watcher.placement import Placement, Step

Needs = tuple["RunOn", dict[str, str], bool]

UUIDS = [f"u{number}" for number in range(4)]
JOBS = [f"j{number}" for number in range(6)]
MARKS = st.sampled_from(["", "cordoned", "skewed"])
NODE, JOB = st.sampled_from(UUIDS), st.sampled_from(JOBS)
SOME_JOBS = st.lists(JOB, min_size=2, max_size=len(JOBS), unique=True)
SOME_NODES = st.lists(NODE, min_size=1, max_size=len(UUIDS), unique=True)
OFFERED = st.sampled_from([(), ("s1",), ("s1", "s2"), ("s1", "s2"), ("s2",)])
OFFERS = st.tuples(GROUPS, OFFERED)
NEEDS = st.tuples(RUN_ONS, SUMS, st.sampled_from([True, True, False]))
EDITS = st.dictionaries(JOB, NEEDS, min_size=1, max_size=4)
EITHER = st.booleans()
SEEN = EITHER
"""Whether the leader looks at once, or only when more has happened."""


class Days(Situation, RuleBasedStateMachine):
    # What happens.

    @initialize(
        nodes=st.tuples(*[OFFERS] * len(UUIDS)),
        jobs=st.lists(NEEDS, min_size=2, max_size=len(JOBS)),
    )
    def there_is_a_fleet(
        self, nodes: tuple[tuple[list[str], tuple[str, ...]], ...], jobs: list[Needs]
    ) -> None:
        for uuid, offers in zip(UUIDS, nodes, strict=True):
            self.comes(uuid, *offers)
        for job_id, needs in zip(JOBS, jobs, strict=False):
            self.is_wanted(job_id, *needs)
        self.settle()

    @rule(uuid=NODE, offers=OFFERS, seen=SEEN)
    def a_node_comes_or_changes(
        self, uuid: str, offers: tuple[list[str], tuple[str, ...]], *, seen: bool
    ) -> None:
        self.comes(uuid, *offers)
        self.settle_if(seen)

    @rule(uuid=NODE, forgotten=EITHER, seen=SEEN)
    def a_node_dies(self, uuid: str, *, forgotten: bool, seen: bool) -> None:
        self.down.add(uuid)
        if forgotten:
            self.nodes.pop(uuid, None)
        self.settle_if(seen)

    @rule(uuid=NODE, marks=MARKS, seen=SEEN)
    def a_node_is_cordoned_or_has_a_wrong_clock(self, uuid: str, marks: str, *, seen: bool) -> None:
        self.mark(uuid, marks)
        self.settle_if(seen)

    @rule(uuid=NODE, seen=SEEN)
    def a_drain_begins_in_mid_run_or_is_over(self, uuid: str, *, seen: bool) -> None:
        if uuid in self.marked["evicting"]:
            self.mark(uuid, "")
        else:
            self.mark(uuid, "cordoned evicting")
            self.runs_begin(JOBS, [uuid])
        self.settle_if(seen)

    @rule(number=st.integers(0, 3), offered=OFFERED, seen=SEEN)
    def its_presets_change(self, number: int, offered: tuple[str, ...], *, seen: bool) -> None:
        """Where a job stands in for another node, or comes from, if there is such a one."""
        involved = {
            uuid for job_id, home in self.away.items() for uuid in [home, *self.homes[job_id]]
        }
        up = [uuid for uuid in sorted(involved) or UUIDS if self.is_up(uuid)]
        if up:
            uuid = up[number % len(up)]
            self.comes(uuid, self.nodes[uuid].groups, offered)
        self.settle_if(seen)

    @rule(edits=EDITS, seen=SEEN)
    def jobs_come_or_change(self, edits: dict[str, Needs], *, seen: bool) -> None:
        for job_id, needs in edits.items():
            self.is_wanted(job_id, *needs)
        self.settle_if(seen)

    @rule(needs=NEEDS.filter(lambda needs: not needs[0].every), runs_on=SOME_NODES, seen=SEEN)
    def jobs_of_every_node_become_jobs_of_one(
        self, needs: Needs, runs_on: list[str], *, seen: bool
    ) -> None:
        job_ids = [want.job_id for want in self.wants.values() if want.run_on.every]
        self.runs_begin(job_ids, runs_on)
        for job_id in job_ids:
            self.is_wanted(job_id, *needs)
        self.settle_if(seen)

    @rule(job_ids=SOME_JOBS, total=st.sampled_from(["s1", "s2"]), seen=SEEN)
    def a_preset_of_theirs_is_edited(self, job_ids: list[str], total: str, *, seen: bool) -> None:
        for want in [self.wants[job_id] for job_id in job_ids if job_id in self.wants]:
            self.is_wanted(want.job_id, want.run_on, {"p": total}, want.movable)
        self.settle_if(seen)

    @rule(job_id=JOB, seen=SEEN)
    def a_job_goes(self, job_id: str, *, seen: bool) -> None:
        self.wants.pop(job_id, None)
        self.homes.pop(job_id, None)
        self.away.pop(job_id, None)
        self.busy = {(uuid, job) for uuid, job in self.busy if job != job_id}
        self.leaving = {(uuid, job) for uuid, job in self.leaving if job != job_id}
        self.settle_if(seen)

    @rule(job_ids=SOME_JOBS, uuids=SOME_NODES)
    def runs_begin(self, job_ids: list[str], uuids: list[str]) -> None:
        up = [uuid for uuid in uuids if self.is_up(uuid)]
        has = {(u, job_id) for u in up for job_id in job_ids if u in self.homes.get(job_id, ())}
        self.busy |= has - self.leaving

    @rule()
    def all_runs_end(self) -> None:
        self.busy = set()
        self.settle()

    @rule()
    def the_jobs_are_spread(self) -> None:
        """What a rebalance has moved stays there: nothing pulls it back."""
        self.settle()
        wants, held = list(self.wants.values()), self.decide().held.keys()
        steps = balance(wants, self.homes, self.fleet(), self.busy, held)
        for step in steps:
            want = self.wants[step.job_id]
            assert want.movable
            assert step.target in self.may_have(want), f"it may not be there: {step}"
        self.take([step for step in steps if (step.source, step.job_id) not in self.busy])
        assert not self.decide().steps, "what was spread is moved again"
        if not self.busy:
            again = balance(wants, self.homes, self.fleet(), (), held)
            assert not again, "what was spread is not even"

    # What the leader does.

    def settle_if(self, seen: bool) -> None:
        if seen:
            self.settle()

    def settle(self) -> None:
        decided, other = self.decide(), self.decide_from_the_other_end()
        assert sorted(decided.steps, key=repr) == sorted(other.steps, key=repr), "it is chance"
        for step in decided.steps:
            self.has_its_reason(step, decided)
        self.each_goes_where_the_fewest_are(decided)
        self.take(decided.steps)
        self.busy = {(uuid, job_id) for uuid, job_id in self.busy if self.is_up(uuid)}
        resting = self.decide()
        assert not resting.steps, "it does not come to rest"
        for want in self.wants.values():
            self.is_where_it_may_be(want, resting)

    # What holds.

    def has_its_reason(self, step: Step, decided: Placement) -> None:
        want, source = self.wants[step.job_id], step.source
        others = self.homes.get(step.job_id, {}).keys() - {source}
        away = self.away.get(step.job_id, "")
        if source in ("", step.target):
            assert step.stands_in_for == ("" if not source or want.run_on.every else away)
            return
        assert not self.is_up(source) or (source, step.job_id) not in self.busy, "left in mid-run"
        why = self.why_leave(want, source)
        if not want.run_on.every and others and not step.target:
            left = {s.source for s in decided.steps if s.job_id == step.job_id and not s.target}
            kept = min((self.merit(want, uuid) for uuid in others - left), default=None)
            better = kept is None or kept <= self.merit(want, source)
            assert better, f"it gave up its better node: {step}"
            return
        assert why, f"it need not have moved: {step}"
        if not want.run_on.every:
            waits = any((uuid, step.job_id) in self.busy and self.is_up(uuid) for uuid in others)
            assert not waits, f"it moves while another node has a run of it: {step}"
        assert step.target or why in ("not allowed", "lost"), f"it left for nowhere: {step}"
        assert step.target == away or why != "home", f"it stayed away: {step}"
        assert step.stands_in_for == ((away or source) if why == "unready" else "")

    def each_goes_where_the_fewest_are(self, decided: Placement) -> None:
        """One after the other, each counting what those before it did; what has only to wait for
        the end of its run may count where it will go."""
        loads = Counter(uuid for homes in self.homes.values() for uuid in homes)
        waiting = len(decided.held.keys() & {job_id for _, job_id in self.busy})
        for step in decided.steps:
            want = self.wants[step.job_id]
            if step.target != step.source and step.target:
                may = self.may_have(want)
                assert step.target in may, f"it may not be there: {step}"
                fewest = min(loads[uuid] for uuid in may) + waiting
                free = not want.run_on.every and self.why_leave(want, step.source) != "home"
                assert loads[step.target] <= fewest or not free, f"others have fewer: {step}"
            loads[step.source] -= 1
            loads[step.target] += 1


TestDays: Any = pytest.mark.fuzz(Days.TestCase)
TestDays.settings = times(5)
