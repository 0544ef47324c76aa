"""What runs add up to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crony_ops.cli.past_runs.run_statistics import duration, percentile, run_statistics, sparkline
from crony_ops.model.run import GapRecord, RunRecord, RunState
from tests.unit.cli.runs import a_gap, a_run

ENDS = [state for state in RunState if state not in ("queued", "claimed", "running")]
durations = st.floats(min_value=0, max_value=1e6)
records = st.lists(
    st.one_of(
        st.builds(
            a_run,
            st.integers(0, 10**9),
            st.sampled_from(ENDS),
            st.one_of(st.none(), durations),
        ),
        st.builds(a_gap, st.just(0), st.just(60), st.integers(1, 500)),
    ),
    max_size=20,
)


def test_a_skipped_run_is_neither_a_success_nor_a_failure() -> None:
    found = run_statistics(
        [
            a_run(500, RunState.skipped, None),
            a_run(400),
            a_run(300, RunState.timed_out, 30.0),
            a_gap(100, 200, 3),
            a_run(50, took=2.0),
        ]
    )
    assert (found.runs, found.succeeded, found.failed, found.skipped) == (4, 2, 1, 1)
    assert found.missed == 3
    assert found.success_rate == pytest.approx(2 / 3)
    assert found.took == (2.0, 30.0, 1.0)
    assert (found.p50, found.p95, found.longest) == (2.0, 30.0, 30.0)


def test_of_nothing_nothing_is_said() -> None:
    found = run_statistics([])
    assert (found.runs, found.success_rate, found.p50, found.longest) == (0, None, None, None)


@given(records)
def test_the_parts_add_up(some: list[RunRecord | GapRecord]) -> None:
    found = run_statistics(some)
    assert found.succeeded + found.failed + found.skipped == found.runs
    assert found.runs == sum(isinstance(record, RunRecord) for record in some)
    assert found.success_rate is None or 0 <= found.success_rate <= 1
    assert len(found.took) <= found.runs


@given(st.lists(durations, min_size=1), st.integers(1, 100))
def test_a_percentile_is_one_of_the_values_and_leaves_few_above(
    values: list[float], percent: int
) -> None:
    found = percentile(values, percent)
    assert found in values
    assert found is not None
    assert sum(value <= found for value in values) * 100 >= percent * len(values)
    assert sum(value < found for value in values) * 100 < percent * len(values)


@given(st.lists(durations))
def test_a_sparkline_has_a_bar_for_each_value_in_their_order(values: list[float]) -> None:
    line = sparkline(values)
    assert len(line) == len(values)
    pairs = sorted(zip(values, line, strict=True))
    assert [bar for _, bar in pairs] == sorted(bar for _, bar in pairs)


def test_the_largest_value_has_the_highest_bar() -> None:
    assert sparkline([0.0, 5.0, 10.0]) == "▁▅█"
    assert sparkline([0.0, 0.0]) == "▁▁"


def test_a_clock_that_was_set_back_makes_no_run_shorter_than_nothing() -> None:
    assert duration(a_run(100, ended_at=90.0)) == 0.0
