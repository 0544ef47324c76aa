"""Who decides where a job goes: the rules one by one, then what holds for every picture."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crony_ops.model.job import RunOn
from crony_ops.model.node import Node
from crony_ops.watcher.eligibility import Fleet, Want, matches, reason_unplaced
from crony_ops.watcher.placement import Placement, Step, place

ANYWHERE = RunOn()
NOBODY: frozenset[tuple[str, str]] = frozenset()


def node(name: str, *groups: str, **presets: str) -> Node:
    offered = {preset: (total,) for preset, total in presets.items()}
    return Node(uuid=f"u-{name}", name=name, groups=groups, presets=offered, incarnation=1)


def fleet(*up: Node, lost: tuple[Node, ...] = (), **marks: frozenset[str]) -> Fleet:
    everybody = {n.uuid: n for n in (*up, *lost)}
    return Fleet(alive={n.uuid: n for n in up}, known=everybody, **marks)


def want(
    run_on: RunOn = ANYWHERE, *, movable: bool = True, revision: int = 7, **presets: str
) -> Want:
    return Want("j", revision, run_on, presets, movable)


def on(home: Node, revision: int = 7) -> dict[str, dict[str, int]]:
    return {"j": {home.uuid: revision}}


A, B = node("a"), node("b")
WEB = node("w", "web")


def test_a_new_job_goes_to_the_node_with_the_fewest_jobs() -> None:
    held = {"x": {"u-a": 1}, "y": {"u-a": 1}, "z": {"u-b": 1}}
    assert place([want()], held, fleet(A, B), NOBODY).steps == [Step("j", "", "u-b")]


@pytest.mark.parametrize(("fuller", "other"), [("a", "b"), ("b", "a")])
def test_jobs_of_every_node_count_as_soon_as_they_are_given(fuller: str, other: str) -> None:
    everywhere = RunOn(group="full", every=True)
    both = [Want(job_id, 7, everywhere, {}, movable=False) for job_id in ("x", "y")]
    steps = place([*both, want()], {}, fleet(node(fuller, "full"), node(other)), NOBODY).steps
    assert steps[-1] == Step("j", "", f"u-{other}")


@pytest.mark.parametrize(("emptier", "other"), [(A, B), (B, A)])
def test_jobs_that_leave_for_nowhere_count_no_more(emptier: Node, other: Node) -> None:
    nowhere = [Want(job_id, 7, RunOn(group="none"), {}, movable=True) for job_id in ("x", "y")]
    held = {"x": {emptier.uuid: 7}, "y": {emptier.uuid: 7}, "z": {other.uuid: 7}}
    steps = place([*nowhere, want()], held, fleet(A, B), NOBODY).steps
    assert steps[-1] == Step("j", "", emptier.uuid)


def test_a_job_that_is_well_where_it_is_stays_there() -> None:
    crowded = {**on(A), "x": {"u-a": 1}, "y": {"u-a": 1}}
    assert place([want()], crowded, fleet(A, B), NOBODY) == Placement()


def test_a_changed_spec_is_given_to_the_node_that_has_the_job() -> None:
    result = place([want(revision=8)], on(A), fleet(A, B), NOBODY)
    assert result.steps == [Step("j", "u-a", "u-a")]


class TestALostNode:
    def test_its_movable_job_goes_to_another(self) -> None:
        result = place([want()], on(A), fleet(B, lost=(A,)), NOBODY)
        assert result.steps == [Step("j", "u-a", "u-b")]

    def test_its_movable_job_goes_even_with_an_open_run(self) -> None:
        result = place([want()], on(A), fleet(B, lost=(A,)), frozenset({("u-a", "j")}))
        assert result.steps == [Step("j", "u-a", "u-b")]

    def test_its_shell_job_without_presets_is_stranded(self) -> None:
        result = place([want(movable=False)], on(A), fleet(B, lost=(A,)), NOBODY)
        assert (result.steps, result.stranded) == ([], {"u-a": ["j"]})

    def test_a_stranded_job_moves_once_its_node_is_forgotten(self) -> None:
        result = place([want(movable=False)], on(A), fleet(B), NOBODY)
        assert result.steps == [Step("j", "u-a", "u-b")]

    @pytest.mark.parametrize("pin", ["a", "u-a"])
    def test_its_pinned_job_never_moves(self, pin: str) -> None:
        pinned = want(RunOn(node=pin), movable=False)
        result = place([pinned], on(A), fleet(B, lost=(A,)), NOBODY)
        assert (result.steps, result.bound) == ([], {"u-a": ["j"]})

    def test_one_whose_record_can_not_be_read_is_not_a_forgotten_one(self) -> None:
        there = Fleet(alive={"u-b": B}, known={"u-a": None, "u-b": B})
        result = place([want(movable=False)], on(A), there, NOBODY)
        assert (result.steps, result.stranded) == ([], {"u-a": ["j"]})
        assert place([want()], on(A), there, NOBODY).steps == [Step("j", "u-a", "u-b")]
        every = place([want(RunOn(group="web", every=True))], on(A), there, NOBODY)
        assert (every.steps, every.bound) == ([], {"u-a": ["j"]})

    def test_a_job_of_several_leaves_the_forgotten_ones_and_moves_off_the_one_remembered(
        self,
    ) -> None:
        held = {"j": {"u-a": 7, "u-b": 7}}
        result = place([want()], held, fleet(WEB, lost=(B,)), NOBODY)
        assert result.steps == [Step("j", "u-a", ""), Step("j", "u-b", "u-w")]

    def test_its_movable_job_is_taken_off_it_when_no_node_is_eligible(self) -> None:
        result = place([want(p="sum")], on(A), fleet(B, lost=(A,)), NOBODY)
        assert result.steps == [Step("j", "u-a", "")]
        assert result.unplaced == {"j": "needs preset p@sum, ready on none of b"}

    def test_its_stranded_job_gets_an_edited_spec(self) -> None:
        edited = want(movable=False, revision=8)
        result = place([edited], on(A), fleet(B, lost=(A,)), NOBODY)
        assert result.steps == [Step("j", "u-a", "u-a")]

    def test_its_job_of_every_node_stays_bound_to_it(self) -> None:
        homes = {"j": {"u-a": 7, "u-b": 7}}
        result = place([want(RunOn(every=True))], homes, fleet(B, lost=(A,)), NOBODY)
        assert (result.steps, result.bound) == ([], {"u-a": ["j"]})


class TestPresets:
    READY = node("r", p="new")
    OLD = node("o", p="old")

    def test_a_job_goes_only_where_its_preset_is_ready(self) -> None:
        result = place([want(p="new")], {}, fleet(A, self.OLD, self.READY), NOBODY)
        assert result.steps == [Step("j", "", "u-r")]

    def test_while_no_node_offers_a_changed_preset_yet_the_job_stays(self) -> None:
        result = place([want(p="newer")], on(self.OLD), fleet(self.OLD, self.READY), NOBODY)
        assert result.steps == []
        assert result.held["j"].startswith("needs preset p@newe, ready on none of o, r")

    def test_a_job_that_stays_for_want_of_its_preset_is_given_its_new_spec_all_the_same(
        self,
    ) -> None:
        result = place([want(p="newer", revision=8)], on(self.OLD), fleet(self.OLD), NOBODY)
        assert result.steps == [Step("j", "u-o", "u-o")]

    def test_a_job_follows_its_preset_as_soon_as_a_node_offers_it(self) -> None:
        result = place([want(p="new")], on(self.OLD), fleet(self.OLD, self.READY), NOBODY)
        assert result.steps == [Step("j", "u-o", "u-r", stands_in_for="u-o")]

    NEW = node("o", p="new")

    def test_a_job_that_left_for_its_preset_goes_back_when_it_is_ready_at_home(self) -> None:
        """Else the first node that is ready would keep the jobs of all the others."""
        away = {"j": "u-o"}
        result = place([want(p="new")], on(self.READY), fleet(self.NEW, self.READY), NOBODY, away)
        assert result.steps == [Step("j", "u-r", "u-o")]

    def test_it_goes_back_only_when_its_run_has_ended(self) -> None:
        away, busy = {"j": "u-o"}, frozenset({("u-r", "j")})
        result = place([want(p="new")], on(self.READY), fleet(self.NEW, self.READY), busy, away)
        assert (result.steps, result.held) == ([], {"j": "waits for a run to end"})

    def test_it_does_not_go_back_to_a_node_that_gets_nothing_new(self) -> None:
        there = fleet(self.NEW, self.READY, cordoned=frozenset({"u-o"}))
        assert place([want(p="new")], on(self.READY), there, NOBODY, {"j": "u-o"}).steps == []

    def test_a_changed_spec_does_not_make_it_forget_where_it_comes_from(self) -> None:
        edited = want(p="new", revision=8)
        there = fleet(self.OLD, self.READY)
        result = place([edited], on(self.READY), there, NOBODY, {"j": "u-o"})
        assert result.steps == [Step("j", "u-r", "u-r", stands_in_for="u-o")]

    def test_if_its_preset_goes_where_it_stands_in_it_comes_from_the_same_node_still(self) -> None:
        elsewhere = node("e", p="new")
        there = fleet(self.OLD, A, elsewhere)
        result = place([want(p="new")], on(A), there, NOBODY, {"j": "u-o"})
        assert result.steps == [Step("j", "u-a", "u-e", stands_in_for="u-o")]

    def test_if_its_preset_goes_there_and_comes_at_home_it_goes_home_at_once(self) -> None:
        unready, other = node("a"), node("e", p="new")
        held = {**on(unready), "x": {"u-o": 7}}
        there = fleet(unready, other, self.NEW)
        result = place([want(p="new")], held, there, NOBODY, {"j": "u-o"})
        assert result.steps == [Step("j", "u-a", "u-o")]

    def test_a_job_follows_its_preset_only_when_its_run_has_ended(self) -> None:
        busy = frozenset({("u-o", "j")})
        result = place([want(p="new")], on(self.OLD), fleet(self.OLD, self.READY), busy)
        assert (result.steps, result.held) == ([], {"j": "waits for a run to end"})


class TestACordon:
    CORDONED = frozenset({"u-a"})

    def test_a_cordoned_node_gets_no_new_job(self) -> None:
        result = place([want()], {}, fleet(A, cordoned=self.CORDONED), NOBODY)
        assert (result.steps, result.unplaced) == ([], {"j": "a: cordoned"})

    def test_a_cordoned_node_keeps_its_jobs(self) -> None:
        assert place([want()], on(A), fleet(A, B, cordoned=self.CORDONED), NOBODY) == Placement()

    def test_a_drained_node_gives_its_jobs_up(self) -> None:
        drained = fleet(A, B, cordoned=self.CORDONED, evicting=self.CORDONED)
        assert place([want()], on(A), drained, NOBODY).steps == [Step("j", "u-a", "u-b")]

    def test_a_drain_waits_for_the_run_under_way(self) -> None:
        drained = fleet(A, B, cordoned=self.CORDONED, evicting=self.CORDONED)
        busy, told = frozenset({("u-a", "j")}), frozenset({("u-a", "j")})
        result = place([want()], on(A), drained, busy)
        assert result.steps == [Step("j", "u-a", "u-a", leaving=True)]
        assert result.held == {"j": "waits for a run to end"}
        assert place([want()], on(A), drained, busy, {}, told).steps == []
        assert place([want()], on(A), drained, NOBODY, {}, told).steps == [Step("j", "u-a", "u-b")]

    def test_a_drain_that_ends_lets_a_job_that_was_about_to_leave_go_on(self) -> None:
        told = frozenset({("u-a", "j")})
        result = place([want()], on(A), fleet(A, B), told, {}, told)
        assert result.steps == [Step("j", "u-a", "u-a")]

    def test_what_can_not_leave_a_drained_node_is_named(self) -> None:
        drained = fleet(A, cordoned=self.CORDONED, evicting=self.CORDONED)
        result = place([want()], on(A), drained, NOBODY)
        assert (result.steps, result.held) == ([], {"j": "a: cordoned"})

    def test_a_pinned_job_stays_on_a_drained_node(self) -> None:
        drained = fleet(A, B, cordoned=self.CORDONED, evicting=self.CORDONED)
        pinned = want(RunOn(node="a"), movable=False)
        assert place([pinned], on(A), drained, NOBODY) == Placement()

    def test_a_shell_job_without_presets_stays_on_a_drained_node(self) -> None:
        drained = fleet(A, B, cordoned=self.CORDONED, evicting=self.CORDONED)
        assert place([want(movable=False)], on(A), drained, NOBODY) == Placement()


def test_a_node_with_a_wrong_clock_gets_nothing_new_and_keeps_what_it_has() -> None:
    skewed = fleet(A, skewed=frozenset({"u-a"}))
    assert place([want()], {}, skewed, NOBODY).unplaced == {"j": "the clock of a is wrong"}
    assert place([want()], on(A), skewed, NOBODY) == Placement()


def test_a_node_whose_record_can_not_be_read_counts_as_alive_and_gets_nothing_new() -> None:
    unreadable = Fleet(alive={"u-a": None, "u-b": B})
    assert place([want()], on(A), unreadable, NOBODY) == Placement()
    assert place([want(RunOn(every=True))], on(A), unreadable, NOBODY).steps == [
        Step("j", "", "u-b")
    ]
    alone = Fleet(alive={"u-a": None})
    assert place([want()], {}, alone, NOBODY).unplaced == {"j": "no node is up"}


class TestRunOn:
    def test_a_job_leaves_a_node_that_its_run_on_does_not_allow_any_more(self) -> None:
        result = place([want(RunOn(group="web"))], on(A), fleet(A, WEB), NOBODY)
        assert result.steps == [Step("j", "u-a", "u-w")]

    def test_it_leaves_for_nowhere_when_no_other_is_allowed(self) -> None:
        result = place([want(RunOn(group="db"))], on(A), fleet(A), NOBODY)
        assert result.steps == [Step("j", "u-a", "")]
        assert result.unplaced == {"j": "no node that is up is in group db"}

    def test_it_waits_for_its_run_before_it_leaves_for_nowhere(self) -> None:
        result = place([want(RunOn(group="db"))], on(A), fleet(A), frozenset({("u-a", "j")}))
        assert result.steps == [Step("j", "u-a", "u-a", leaving=True)]
        assert result.held == {"j": "waits for a run to end"}

    def test_a_job_on_every_node_of_a_group_is_on_each_of_them(self) -> None:
        second = node("w2", "web")
        every = want(RunOn(group="web", every=True))
        result = place([every], {"j": {"u-w": 7}}, fleet(A, WEB, second), NOBODY)
        assert result.steps == [Step("j", "", "u-w2")]

    def test_a_job_on_every_node_leaves_a_node_that_left_the_group(self) -> None:
        every = want(RunOn(group="web", every=True))
        homes = {"j": {"u-a": 7, "u-w": 7}}
        assert place([every], homes, fleet(A, WEB), NOBODY).steps == [Step("j", "u-a", "")]
        busy = place([every], homes, fleet(A, WEB), frozenset({("u-a", "j")}))
        assert (busy.steps, busy.held) == ([], {"j": "waits for a run to end"})

    def test_a_job_on_every_node_that_becomes_one_for_a_single_node_leaves_the_others(self) -> None:
        homes = {"j": {"u-a": 7, "u-b": 7}}
        result = place([want()], homes, fleet(A, B), NOBODY)
        assert result.steps == [Step("j", "u-b", "")]

    def test_it_stays_on_the_one_that_its_run_on_still_allows(self) -> None:
        homes = {"j": {"u-a": 7, "u-w": 7}}
        result = place([want(RunOn(group="web"))], homes, fleet(A, WEB), NOBODY)
        assert result.steps == [Step("j", "u-a", "")]

    def test_it_moves_no_further_while_a_run_holds_it_on_one_of_those(self) -> None:
        homes = {"j": {"u-a": 7, "u-b": 7}}
        cordoned = frozenset({"u-a"})
        drained = fleet(A, B, cordoned=cordoned, evicting=cordoned)
        result = place([want()], homes, drained, frozenset({("u-b", "j")}))
        assert (result.steps, result.held) == ([], {"j": "waits for a run to end"})


@pytest.mark.parametrize(
    ("run_on", "presets", "there", "reason"),
    [
        (RunOn(), {}, fleet(), "no node is up"),
        (RunOn(node="x"), {}, fleet(A), "no node that is up is x"),
        (RunOn(group="db"), {}, fleet(A), "no node that is up is in group db"),
        (
            RunOn(group="etl"),
            {"p": "9c1dffff"},
            fleet(node("a", p="9c1dffff")),
            "no node that is up is in group etl: a offers its presets but is not there",
        ),
        (RunOn(), {"p": "9c1dffff"}, fleet(A), "needs preset p@9c1d, ready on none of a"),
        (
            RunOn(),
            {"p": "1", "q": "2"},
            fleet(node("a", p="1"), node("b", q="2")),
            "needs preset p, q, ready on none of a, b",
        ),
        (
            RunOn(),
            {"p": "1"},
            fleet(*(node(n) for n in "edcba")),
            "needs preset p@1, ready on none of a, b, c and 2 more",
        ),
        (RunOn(), {}, fleet(A, cordoned=frozenset({"u-a"})), "a: cordoned"),
        (RunOn(), {}, fleet(A, skewed=frozenset({"u-a"})), "the clock of a is wrong"),
    ],
)
def test_the_reason_is_said_in_words(
    run_on: RunOn, presets: dict[str, str], there: Fleet, reason: str
) -> None:
    assert reason_unplaced(run_on, presets, there) == reason


# What holds for every picture.

Assigned = dict[str, dict[str, int]]
# Made once: to make them anew for each draw takes longer than to draw.
BOOLEANS = st.booleans()
UP_TO_FIVE, UP_TO_SIX = st.integers(0, 5), st.integers(0, 6)
OFFERED = st.lists(st.sampled_from(["s1", "s2"]), max_size=2)
GROUPS = st.lists(st.sampled_from(["web", "db"]), max_size=2, unique=True)
STATES = st.sampled_from(["up", "up", "up", "lost", "forgotten", "unreadable"])
MARKS = st.sampled_from(["", "", "", "cordoned", "evicting", "skewed"])
SUMS = st.sampled_from([{}, {}, {"p": "s1"}, {"p": "s2"}, {"p": "s3"}])
HOMES = st.lists(st.sampled_from([f"u{number}" for number in range(6)]), max_size=3)
REVISIONS = st.sampled_from([1, 2])


@st.composite
def fleets(draw: st.DrawFn) -> Fleet:
    known: dict[str, Node] = {}
    alive: dict[str, Node | None] = {}
    marked: dict[str, set[str]] = {"cordoned": set(), "evicting": set(), "skewed": set()}
    for number in range(draw(UP_TO_FIVE)):
        uuid = f"u{number}"
        offered = draw(OFFERED)
        groups = tuple(draw(GROUPS))
        one = Node(
            uuid=uuid,
            name=f"n{number}",
            groups=groups,
            presets={"p": tuple(offered)} if offered else {},
            incarnation=1,
        )
        state = draw(STATES)
        if state in ("up", "lost"):
            known[uuid] = one
        if state in ("up", "unreadable"):
            alive[uuid] = one if state == "up" else None
        mark = draw(MARKS)
        if mark:
            marked[mark].add(uuid)
    marked["cordoned"] |= marked["evicting"]
    return Fleet(alive, known, **{mark: frozenset(uuids) for mark, uuids in marked.items()})


RUN_ONS = st.sampled_from(
    [
        RunOn(),
        RunOn(),
        RunOn(node="n0"),
        RunOn(group="web"),
        RunOn(every=True),
        RunOn(group="db", every=True),
    ]
)


@st.composite
def pictures(draw: st.DrawFn) -> tuple[list[Want], Assigned, Fleet, frozenset[tuple[str, str]]]:
    there = draw(fleets())
    wants: list[Want] = []
    assigned: Assigned = {}
    busy: set[tuple[str, str]] = set()
    for number in range(draw(UP_TO_SIX)):
        job_id, run_on = f"j{number}", draw(RUN_ONS)
        sums = draw(SUMS)
        wants.append(Want(job_id, 2, run_on, sums, not run_on.bound and draw(BOOLEANS)))
        homes = draw(HOMES)
        if homes:
            assigned[job_id] = {uuid: draw(REVISIONS) for uuid in homes}
            busy |= {(uuid, job_id) for uuid in homes if draw(BOOLEANS)}
    return wants, assigned, there, frozenset(busy)


def applied(
    assigned: Mapping[str, Mapping[str, int]], steps: list[Step], revision: int
) -> Assigned:
    after = {job_id: dict(homes) for job_id, homes in assigned.items()}
    for step in steps:
        homes = after.setdefault(step.job_id, {})
        if step.source:
            del homes[step.source]
        if step.target:
            assert step.target not in homes
            homes[step.target] = revision
    return after


def eligible(want: Want, there: Fleet) -> set[str]:
    return {
        uuid
        for uuid, node in there.alive.items()
        if node is not None
        and uuid not in there.cordoned | there.skewed
        and matches(want.run_on, node)
        and all(node.presets.get(p, ()).count(s) for p, s in want.preset_sums.items())
    }


Picture = tuple[list[Want], Assigned, Fleet, frozenset[tuple[str, str]]]


@settings(max_examples=40)
@given(pictures())
def test_every_target_is_eligible_and_nothing_leaves_a_living_node_during_a_run(
    picture: Picture,
) -> None:
    wants, assigned, there, busy = picture
    by_id = {want.job_id: want for want in wants}
    for step in place(wants, assigned, there, busy).steps:
        if step.target != step.source:
            assert not step.target or step.target in eligible(by_id[step.job_id], there)
            assert step.source not in there.alive or (step.source, step.job_id) not in busy


@settings(max_examples=40)
@given(pictures())
def test_every_job_has_a_node_or_is_named_with_the_reason(picture: Picture) -> None:
    wants, assigned, there, busy = picture
    result = place(wants, assigned, there, busy)
    after = applied(assigned, result.steps, 2)
    staying = {
        (uuid, job_id)
        for by_node in (result.stranded, result.bound)
        for uuid, jobs in by_node.items()
        for job_id in jobs
    }
    for want in wants:
        homes = after.get(want.job_id, {})
        assert bool(homes) != (want.job_id in result.unplaced)
        for uuid, revision in homes.items():
            assert revision == 2 or want.job_id in result.held
            assert uuid in there.alive or (uuid, want.job_id) in staying
        if want.run_on.every:
            assert eligible(want, there) <= set(homes)
        else:
            assert len(homes) <= 1 + sum((uuid, want.job_id) in busy for uuid in homes)
    assert all(result.unplaced.values())
    assert all(result.held.values())


@settings(max_examples=40)
@given(pictures())
def test_what_was_placed_is_at_rest(picture: Picture) -> None:
    wants, assigned, there, _ = picture
    result = place(wants, assigned, there, NOBODY)
    after = applied(assigned, result.steps, 2)
    assert place(wants, after, there, NOBODY).steps == []


@settings(max_examples=40)
@given(pictures(), st.randoms(use_true_random=False))
def test_every_watcher_comes_to_the_same_placement(picture: Picture, rnd: random.Random) -> None:
    wants, assigned, there, busy = picture

    def shuffled(mapping: Mapping[str, object]) -> dict[str, object]:
        items = list(mapping.items())
        rnd.shuffle(items)
        return dict(items)

    other_fleet = Fleet(
        shuffled(there.alive),  # type: ignore[arg-type]
        shuffled(there.known),  # type: ignore[arg-type]
        there.cordoned,
        there.evicting,
        there.skewed,
    )
    other_assigned = {job_id: shuffled(homes) for job_id, homes in shuffled(assigned).items()}  # type: ignore[arg-type]
    one = place(wants, assigned, there, busy)
    other = place(wants, other_assigned, other_fleet, busy)  # type: ignore[arg-type]
    assert sorted(one.steps, key=repr) == sorted(other.steps, key=repr)
    assert (one.unplaced, one.held, one.stranded, one.bound) == (
        other.unplaced,
        other.held,
        other.stranded,
        other.bound,
    )


def many(count: int) -> list[Want]:
    return [Want(f"j{number}", 2, ANYWHERE, {}, True) for number in range(count)]


@given(st.integers(1, 8), st.integers(0, 60))
def test_jobs_spread_evenly_over_equally_eligible_nodes(nodes: int, jobs: int) -> None:
    there = fleet(*(node(f"n{number}") for number in range(nodes)))
    loads = Counter(dict.fromkeys(there.alive, 0))
    loads.update(step.target for step in place(many(jobs), {}, there, NOBODY).steps)
    assert max(loads.values()) - min(loads.values()) <= 1


@given(st.integers(2, 8), st.integers(0, 60), st.data())
def test_only_the_jobs_of_a_node_that_dies_move(nodes: int, jobs: int, data: st.DataObject) -> None:
    up = [node(f"n{number}") for number in range(nodes)]
    dead = data.draw(st.sampled_from(up))
    before = applied({}, place(many(jobs), {}, fleet(*up), NOBODY).steps, 2)
    rest = fleet(*(n for n in up if n != dead), lost=(dead,))
    steps = place(many(jobs), before, rest, NOBODY).steps
    assert {step.job_id for step in steps} == {
        j for j, homes in before.items() if dead.uuid in homes
    }
    loads = Counter(uuid for homes in applied(before, steps, 2).values() for uuid in homes)
    assert max(loads.values(), default=0) - min(loads.values(), default=0) <= 1


def test_nodes_that_lose_jobs_while_others_are_placed_are_counted_as_lighter() -> None:
    """Jobs leave a node for want of a preset, which stays eligible for other jobs."""
    old, ready = node("old", p="1"), node("ready", p="2")
    leaving = [Want(f"l{n}", 2, ANYWHERE, {"p": "2"}, True) for n in range(10)]
    homes = {want.job_id: {"u-old": 2} for want in leaving}
    new = [Want(f"n{n}", 2, ANYWHERE, {}, True) for n in range(12)]
    steps = place([new[0], *leaving, *new[1:]], homes, fleet(old, ready), NOBODY).steps
    loads = Counter(step.target for step in steps)
    assert loads == {"u-old": 11, "u-ready": 11}
