"""The nodes, against those that the inventory has."""

from __future__ import annotations

import pytest
from rich.console import Console

from crony_ops.cli.standing.changes import changed, facts
from crony_ops.cli.standing.document import StatusDocument, status_document
from crony_ops.cli.standing.text import nodes_table
from crony_ops.cli.view.expected import NOTHING_EXPECTED, Expected
from crony_ops.cli.view.node_parts import node_parts
from crony_ops.store.member_status import MemberStatus
from tests.unit.cli.views import KEYS, NOW, example_view

UP = MemberStatus("etcd-1", "127.0.0.1:1", db_size=1 << 20, is_leader=True)
ALL = frozenset({"web-1", "web-2", "db-1"})
# What is wrong in the example besides: then the nodes alone decide.
TROUBLES = (
    *(KEYS.health("db-backup"), KEYS.spec("etl-nightly"), KEYS.spec("old-shell")),
    KEYS.job("u-db-1", "old-shell"),
)
WELL = (*TROUBLES, KEYS.roster("u-db-1"))


def status(expected: Expected, without: tuple[str, ...] = ()) -> StatusDocument:
    return status_document(example_view(without=without), (UP,), None, NOW, expected)


@pytest.mark.parametrize(
    ("expected", "states"),
    [
        (None, {"web-1": "up", "web-2": "cordoned", "db-1": "lost"}),
        (frozenset(), {"web-1": "up", "web-2": "cordoned", "db-1": "lost"}),
        (ALL, {"web-1": "up", "web-2": "cordoned", "db-1": "lost"}),
        (
            frozenset({"web-1", "a-9"}),
            {"web-1": "up", "web-2": "cordoned", "a-9": "missing", "db-1": "lost"},
        ),
    ],
)
def test_only_a_host_without_any_node_is_missing(
    expected: frozenset[str] | None, states: dict[str, str]
) -> None:
    parts = node_parts(example_view(), expected)
    assert {part.name: part.state for part in parts} == states
    assert [part.name for part in parts] == list(states)
    for part in parts:
        assert part.in_inventory == (None if expected is None else part.name in expected)


@pytest.mark.parametrize(
    ("expected", "without", "problems"),
    [
        (NOTHING_EXPECTED, TROUBLES, ()),
        (Expected(ALL), TROUBLES, ("node db-1 is lost, and the inventory has it",)),
        (Expected(ALL - {"db-1"}), TROUBLES, ()),
        (Expected(ALL - {"db-1"}), WELL, ()),
        (Expected(ALL), WELL, ("node db-1 is missing",)),
        (Expected(ALL - {"web-1"}), TROUBLES, ("node db-1 is lost, and the inventory has it",)),
        (Expected(None, "hosts.yml can't be read"), WELL, ("hosts.yml can't be read",)),
    ],
)
def test_a_host_that_should_have_an_agent_and_has_none_is_unhealthy(
    expected: Expected, without: tuple[str, ...], problems: tuple[str, ...]
) -> None:
    document = status(expected, without)
    assert document.problems == problems
    assert document.healthy == (not problems)


def test_what_the_inventory_says_stands_beside_the_node() -> None:
    console = Console(width=200, markup=False, highlight=False)
    with console.capture() as shown:
        console.print(nodes_table(node_parts(example_view(), frozenset({"web-1", "a-9"})), NOW))
    lines = {line.split()[0]: line for line in shown.get().splitlines()}
    assert "the inventory has it, and it has no agent" in lines["a-9"]
    assert lines["a-9"].split()[1:6] == ["missing", "0", "-", "-", "-"]
    assert "[not in the inventory]" in lines["web-2"]
    assert "inventory" not in lines["web-1"]


def test_a_host_that_goes_missing_is_news() -> None:
    before, after = (facts(status(Expected(each))) for each in (ALL, ALL | {"a-9"}))
    assert changed(before, after) == {" a-9"}
