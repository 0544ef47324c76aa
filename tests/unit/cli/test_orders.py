"""What people write on the command line, and what it means."""

from __future__ import annotations

import pytest

from crony_ops.cli.cursors import clock_offset
from crony_ops.cli.terminal.until import end_of
from crony_ops.cli.view.lookup import UnknownName, node_named
from crony_ops.errors import InvalidInput
from tests.integration.cli.example_fleet import node
from tests.unit.cli.views import KEYS, NOW, example_view


def test_a_node_goes_by_its_name_or_its_uuid() -> None:
    view = example_view()
    assert node_named(view, "web-2") == node_named(view, "u-web-2") == "u-web-2"


def test_a_living_node_goes_before_a_lost_one_of_the_same_name() -> None:
    reborn = node("u-new", "db-1", NOW)
    assert node_named(example_view(also={KEYS.node("u-new"): reborn}), "db-1") == "u-new"


def test_an_unknown_node_names_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r"no node 'web-3' \(nearest: .*web-1"):
        node_named(example_view(), "web-3")


@pytest.mark.parametrize(
    ("how_long", "until", "end"),
    [
        ("2h", None, NOW + 7_200),
        ("90", None, NOW + 90),
        (None, "2026-12-01T08:00:00+08:00", 1_796_083_200.0),
        (None, None, None),
    ],
)
def test_a_pause_ends_at_a_time_or_after_a_while_or_never(
    how_long: str | None, until: str | None, end: float | None
) -> None:
    assert end_of(how_long, until, NOW) == end


@pytest.mark.parametrize(
    ("how_long", "until"),
    [
        (None, "tomorrow"),
        (None, "2020-01-01"),
        (None, "2h"),
        ("0s", None),
        ("tomorrow", None),
        ("2h", "2026-12-01"),
    ],
)
def test_an_end_that_is_none_or_has_passed_is_refused(
    how_long: str | None, until: str | None
) -> None:
    with pytest.raises(InvalidInput):
        end_of(how_long, until, NOW)


@pytest.mark.parametrize(("ahead", "off"), [(0, 0), (15, 0), (61, 61), (-4, 0), (-30, -30)])
def test_a_clock_is_doubted_when_no_living_node_can_have_told_its_time_so(
    ahead: int, off: int
) -> None:
    nodes = [node("a", "a", NOW - 9), node("b", "b", NOW + 1)]
    assert clock_offset(NOW + ahead, nodes) == off


def test_without_a_node_no_clock_is_doubted() -> None:
    assert clock_offset(NOW, []) == 0
