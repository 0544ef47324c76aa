"""What a benchmark's figures come to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.row import Growth, Row, Target, above, at_most, times

SIZES = (1_000, 3_000, 10_000, 30_000, 100_000)


@pytest.mark.parametrize(
    ("ours", "floor", "target", "holds"),
    [
        ((1.4, 1.5, 9.0), (1.0, 1.0, 1.0), times(1.5), True),
        ((1.4, 1.6, 0.1), (1.0, 1.1, 0.9), times(1.5), True),
        ((1.6, 1.6, 0.1), (1.0, 1.1, 0.9), times(1.5), False),
        ((3.9,), (3.5,), above(0.5), True),
        ((4.1,), (3.5,), above(0.5), False),
        ((0.3,), (), at_most(0.3), True),
        ((0.31,), (9.0,), at_most(0.3), False),
        ((9.0,), (), None, None),
    ],
)
def test_a_target_is_held_against_the_medians(
    ours: tuple[float, ...], floor: tuple[float, ...], target: Target | None, holds: bool | None
) -> None:
    assert Row("work", ours, floor, target).holds is holds


def test_ratios_are_those_of_the_pairs() -> None:
    assert Row("work", (4.0, 2.0), (2.0, 4.0), None).ratios == [0.5, 2.0]
    assert Row("work", (4.0, 2.0), (), None).ratios == []


@given(exponent=st.floats(0.2, 3), unit=st.floats(1e-7, 1e-2))
def test_the_exponent_of_a_power_is_found(exponent: float, unit: float) -> None:
    growth = Growth("work", {size: (unit * size**exponent,) for size in SIZES})
    found, of_one = growth.fit
    assert found == pytest.approx(exponent)
    assert of_one == pytest.approx(unit)


@pytest.mark.parametrize(("exponent", "holds"), [(0.4, True), (1.09, True), (1.11, False)])
def test_work_may_grow_a_little_faster_than_its_size(exponent: float, holds: bool) -> None:
    assert Growth("work", {size: (size**exponent,) for size in SIZES}).holds is holds


def test_what_is_always_the_same_hides_nothing_of_the_last_step() -> None:
    growth = Growth("work", {size: (1.0 + (size / 30_000) ** 2,) for size in SIZES})
    assert growth.exponent < 1
    assert growth.last_step > 1.1


def test_one_slow_round_is_no_growth() -> None:
    straight = {size: (size * 1e-4,) * 3 for size in SIZES[:-1]}
    growth = Growth("work", {**straight, SIZES[-1]: (10.0, 10.0, 99.0)})
    assert growth.exponent == pytest.approx(1)
