"""Which moves of a rebalance still stand when it is known at last how the jobs are to be spread."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crony_ops.watcher.balance import balance
from crony_ops.watcher.eligibility import Fleet
from crony_ops.watcher.placement import Step
from crony_ops.watcher.rebalance import foreseen, standing
from tests.unit.watcher.test_balance import NOBODY, A, B, C, at, fleet, node, want

MOVE = Step("x", "a", "b")
UP = fleet(A, B, C)


@pytest.mark.parametrize(
    ("then", "stands"),
    [
        pytest.param({}, True, id="nothing has changed"),
        pytest.param({"fleet": fleet(A, B)}, True, id="a third node went"),
        pytest.param({"fleet": fleet(A, B, C, node("d"))}, True, id="a node came"),
        pytest.param({"assigned": at(a="x", c="y z")}, True, id="other jobs moved"),
        pytest.param({"wants": {"x": replace(want("x"), revision=2)}}, True, id="it was edited"),
        pytest.param({"fleet": fleet(A, C)}, False, id="the target died"),
        pytest.param({"fleet": fleet(B, C)}, False, id="the source died"),
        pytest.param({"fleet": fleet(A, B, cordoned=frozenset("b"))}, False, id="target cordoned"),
        pytest.param({"fleet": fleet(A, B, cordoned=frozenset("a"))}, False, id="source cordoned"),
        pytest.param({"fleet": fleet(A, B, skewed=frozenset("b"))}, False, id="its clock is wrong"),
        pytest.param({"assigned": at(c="x")}, False, id="it has moved"),
        pytest.param({"assigned": {}}, False, id="it has no node any more"),
        pytest.param({"assigned": {"x": {"a": 1, "c": 1}}}, False, id="it is on two nodes"),
        pytest.param({"wants": {}}, False, id="nobody wants it any more"),
        pytest.param({"wants": {"x": want("x", group="web")}}, False, id="it may not go there"),
        pytest.param({"wants": {"x": want("x", movable=False)}}, False, id="it may not leave"),
        pytest.param({"fixed": {"x"}}, False, id="it was paused"),
    ],
)
def test_a_move_stands_while_it_could_be_decided_on_now(
    then: dict[str, object], stands: bool
) -> None:
    now = {
        "wants": {"x": want("x")},
        "assigned": at(a="x"),
        "fleet": UP,
        "fixed": frozenset(),
    }
    assert standing([MOVE], **{**now, **then}) == [MOVE] * stands  # type: ignore[arg-type]


def test_what_else_a_look_does_is_foreseen() -> None:
    steps = [
        Step("moves", "a", "b"),
        Step("changes", "a", "a"),
        Step("goes", "a", ""),
        Step("comes", "", "b"),
    ]
    before = at(a="moves changes goes stays")
    after = foreseen(before, steps)
    assert {job_id: list(homes) for job_id, homes in after.items()} == {
        "moves": ["b"],
        "changes": ["a"],
        "goes": [],
        "stays": ["a"],
        "comes": ["b"],
    }
    assert before == at(a="moves changes goes stays")


def test_jobs_of_a_node_that_just_died_are_spread_from_where_they_go() -> None:
    wants = [want(job_id) for job_id in "wxyz"]
    failover = [Step(job_id, "c", "a") for job_id in "wxyz"]
    then = foreseen(at(c="w x y z"), failover)
    assert len(balance(wants, then, fleet(A, B), NOBODY, set())) == 2


@pytest.mark.parametrize("rounds", range(4))
def test_what_is_given_up_has_found_moves_that_stand(rounds: int) -> None:
    web = Fleet({n.uuid: n for n in (node("a", "web"), node("b", "web", "db"), node("c", "db"))})
    wants = [*(want(f"w{n}", group="web") for n in range(9)), *(want(f"d{n}") for n in range(3))]
    homes = at(a=" ".join(w.job_id for w in wants))
    left = iter(range(rounds))
    steps = balance(wants, homes, web, NOBODY, set(), lambda: next(left, None) is None)
    by_id = {w.job_id: w for w in wants}
    assert standing(steps, by_id, homes, web, frozenset()) == steps
