"""How a rebalance spreads the jobs: single cases, then what holds for every picture."""

from __future__ import annotations

import functools
import itertools
import random
from collections import Counter
from collections.abc import Iterator, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crony_ops.model.job import RunOn
from crony_ops.model.node import Node
from crony_ops.watcher.balance import balance
from crony_ops.watcher.eligibility import Fleet, Want, eligible
from crony_ops.watcher.placement import Step, place

NOBODY: frozenset[tuple[str, str]] = frozenset()
Assigned = dict[str, dict[str, int]]


def node(name: str, *groups: str, **presets: str) -> Node:
    offered = {preset: (total,) for preset, total in presets.items()}
    return Node(uuid=name, name=name, groups=groups, presets=offered, incarnation=1)


def fleet(*up: Node, **marks: frozenset[str]) -> Fleet:
    nodes = {n.uuid: n for n in up}
    return Fleet(alive=nodes, known=nodes, **marks)


def want(job_id: str, *, group: str = "", movable: bool = True, **presets: str) -> Want:
    return Want(job_id, 1, RunOn(group=group or None), presets, movable)


def at(**homes: str) -> Assigned:
    """`at(a="x y")`: jobs x and y are on node a."""
    return {job_id: {uuid: 1} for uuid, ids in homes.items() for job_id in ids.split()}


A, B, C = node("a"), node("b"), node("c")


def test_a_new_node_gets_its_share_and_nothing_else_moves() -> None:
    wants = [want(job_id) for job_id in "tuvwxy"]
    homes = at(a="t u v", b="w x y")
    steps = balance(wants, homes, fleet(A, B, C), NOBODY, set())
    assert steps == [Step("t", "a", "c"), Step("w", "b", "c")]


def test_an_even_spread_is_left_alone() -> None:
    homes = at(a="t u", b="v")
    assert balance([want(j) for j in "tuv"], homes, fleet(A, B), NOBODY, set()) == []


@pytest.mark.parametrize(
    ("stays", "there"),
    [
        ({"movable": False}, fleet(A, B)),
        ({"group": "db"}, fleet(node("a", "db"), B)),
        ({"p": "new"}, fleet(node("a", p="new"), node("b", p="old"))),
        ({}, fleet(A, B, cordoned=frozenset("b"))),
        ({}, fleet(A, B, skewed=frozenset("b"))),
        ({}, fleet(A, B, cordoned=frozenset("a"))),
        ({}, Fleet(alive={"a": A, "b": None}, known={"a": A, "b": B})),
        ({}, Fleet(alive={"b": B}, known={"a": A, "b": B})),
    ],
)
def test_what_may_not_move_does_not(stays: dict[str, str], there: Fleet) -> None:
    wants = [want(job_id, **stays) for job_id in "xyz"]  # type: ignore[arg-type]
    assert balance(wants, at(a="x y z"), there, NOBODY, set()) == []


def test_a_resting_job_stays_and_counts_all_the_same() -> None:
    wants = [want(job_id) for job_id in "xyz"]
    assert balance(wants, at(a="x y z"), fleet(A, B), NOBODY, {"x"}) == [Step("y", "a", "b")]


def test_a_job_without_an_open_run_goes_rather_than_one_with() -> None:
    wants, busy = [want("x"), want("y")], frozenset({("a", "x")})
    assert balance(wants, at(a="x y"), fleet(A, B), busy, set()) == [Step("y", "a", "b")]
    both = frozenset({("a", "x"), ("a", "y")})
    assert balance(wants, at(a="x y"), fleet(A, B), both, set()) == [Step("x", "a", "b")]


def test_jobs_that_may_not_go_where_there_is_room_make_room_for_those_that_may() -> None:
    """No job of `a` may go to `c`; but to `b`, whence another one may."""
    nodes = node("a", "ab"), node("b", "ab", "bc"), node("c", "bc")
    wants = [want(f"x{n}", group="ab") for n in range(4)]
    wants += [want(f"y{n}", group="bc") for n in range(2)]
    homes = at(a="x0 x1 x2 x3", b="y0 y1")
    steps = balance(wants, homes, fleet(*nodes), NOBODY, set())
    assert {(step.source, step.target) for step in steps} == {("a", "b"), ("b", "c")}
    assert Counter(loads(applied(homes, steps), fleet(*nodes)).values()) == {2: 3}


def test_thirty_new_nodes_of_three_hundred_get_their_share() -> None:
    up = [node(f"n{n}", f"g{n % 10}") for n in range(300)]
    wants = [want(f"j{n}", group=f"g{n % 10}" if n % 2 else "") for n in range(6_000)]
    before = place(wants, {}, fleet(*up[:270]), NOBODY)
    homes = applied({}, before.steps)
    steps = balance(wants, homes, fleet(*up), NOBODY, set())
    spread = loads(applied(homes, steps), fleet(*up)).values()
    assert (min(spread), max(spread)) == (20, 20)
    assert len(steps) == 600


# What holds for every picture.


def applied(assigned: Mapping[str, Mapping[str, int]], steps: list[Step]) -> Assigned:
    after = {job_id: dict(homes) for job_id, homes in assigned.items()}
    for step in steps:
        homes = after.setdefault(step.job_id, {})
        if step.source:
            del homes[step.source]
        homes[step.target] = 1
    return after


def loads(assigned: Mapping[str, Mapping[str, int]], there: Fleet) -> dict[str, int]:
    count = Counter(uuid for homes in assigned.values() for uuid in homes)
    return {uuid: count[uuid] for uuid in there.alive}


Picture = tuple[list[Want], Assigned, Fleet, frozenset[tuple[str, str]], set[str]]

# Made once: to make them anew for each draw takes longer than to draw.
GROUPS = st.lists(st.sampled_from(["g", "h"]), max_size=2, unique=True)
OFFERS = st.sampled_from([{}, {"p": "s1"}, {"p": "s2"}])
READABLE = st.sampled_from([True] * 8 + [False])
MARKS = st.sampled_from([""] * 8 + ["cordoned", "skewed"])
RUN_ONS = st.sampled_from([RunOn(), RunOn(), RunOn(group="g"), RunOn(group="h"), RunOn(every=True)])
SUMS = st.sampled_from([{}, {}, {}, {"p": "s1"}])
ONE_IN = {count: st.integers(0, count - 1).map(lambda drawn: not drawn) for count in (5, 6, 10)}


@functools.cache
def homes_among(up: tuple[str, ...], most: int) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from([*up, "lost"]), max_size=most)


@st.composite
def pictures(draw: st.DrawFn, nodes: int = 5, jobs: int = 16) -> Picture:
    up: dict[str, Node | None] = {}
    marked: dict[str, set[str]] = {"cordoned": set(), "skewed": set()}
    for number in range(draw(st.integers(1, nodes))):
        uuid = f"n{number}"
        groups, sums = draw(GROUPS), draw(OFFERS)
        up[uuid] = node(uuid, *groups, **sums) if draw(READABLE) else None
        mark = draw(MARKS)
        if mark:
            marked[mark].add(uuid)
    there = Fleet(up, dict(up), **{mark: frozenset(uuids) for mark, uuids in marked.items()})
    wants, homes, busy, resting = [], Assigned(), set(), set()
    for number in range(draw(st.integers(0, jobs))):
        job_id, run_on, sums = f"j{number}", draw(RUN_ONS), draw(SUMS)
        movable = not run_on.bound and not draw(ONE_IN[6])
        wants.append(Want(job_id, 1, run_on, sums, movable))
        on = draw(homes_among(tuple(up), 3 if run_on.every else 1))
        if on:
            homes[job_id] = dict.fromkeys(on, 1)
        busy |= {(uuid, job_id) for uuid in on if draw(ONE_IN[5])}
        if draw(ONE_IN[10]):
            resting.add(job_id)
    return wants, homes, there, frozenset(busy), resting


@settings(max_examples=30)
@given(pictures())
def test_every_move_is_one_that_may_be_and_no_job_moves_twice(picture: Picture) -> None:
    wants, homes, there, busy, resting = picture
    steps = balance(wants, homes, there, busy, resting)
    by_id = {each.job_id: each for each in wants}
    assert len({step.job_id for step in steps}) == len(steps)
    for step in steps:
        assert step.job_id not in resting
        assert by_id[step.job_id].movable
        assert step.target != step.source
        assert step.target in eligible(by_id[step.job_id], there)
        assert list(homes[step.job_id]) == [step.source]


@settings(max_examples=30)
@given(pictures())
def test_the_spread_never_grows_and_is_at_rest_after_it(picture: Picture) -> None:
    wants, homes, there, busy, resting = picture
    after = applied(homes, balance(wants, homes, there, busy, resting))
    old, new = loads(homes, there).values(), loads(after, there).values()
    assert max(new) <= max(old)
    assert min(new) >= min(old)
    assert balance(wants, after, there, NOBODY, resting) == []


@settings(max_examples=30)
@given(pictures(), st.randoms(use_true_random=False))
def test_whoever_asks_gets_the_same_answer(picture: Picture, rnd: random.Random) -> None:
    wants, homes, there, busy, resting = picture
    answer = balance(wants, homes, there, busy, resting)
    shuffled = rnd.sample(wants, len(wants))
    names = rnd.sample(list(there.alive), len(there.alive))
    turned = Fleet(
        {n: there.alive[n] for n in names}, there.known, there.cordoned, skewed=there.skewed
    )
    assert balance(shuffled, homes, turned, busy, resting) == answer


@settings(max_examples=30, deadline=None)
@given(pictures(nodes=3, jobs=6))
def test_no_spread_is_more_even_and_none_as_even_takes_fewer_moves(picture: Picture) -> None:
    wants, homes, there, busy, resting = picture
    steps = balance(wants, homes, there, busy, resting)
    best = min(_costs(wants, homes, there, resting))
    assert (_squares(applied(homes, steps), there), len(steps)) == best


def _costs(
    wants: list[Want], homes: Assigned, there: Fleet, resting: set[str]
) -> Iterator[tuple[int, int]]:
    """Of every assignment that may be: how uneven it is, and how many moves it takes."""
    choices = []
    for each in wants:
        nodes = eligible(each, there)
        home = list(homes.get(each.job_id, ()))
        may = each.movable and each.job_id not in resting and len(home) == 1 and home[0] in nodes
        choices.append([Step(each.job_id, home[0], uuid) for uuid in nodes] if may else [])
    for chosen in itertools.product(*filter(None, choices)):
        moves = [step for step in chosen if step.source != step.target]
        yield _squares(applied(homes, moves), there), len(moves)


def _squares(assigned: Assigned, there: Fleet) -> int:
    return sum(load * load for load in loads(assigned, there).values())
