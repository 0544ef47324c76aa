"""Whose clock is wrong is told by the median of all."""

from __future__ import annotations

import pytest

from crony_ops.watcher.clocks import LEADER, ClockSamples, judge_clocks


@pytest.mark.parametrize(
    ("offsets", "wrong"),
    [
        ({}, {}),
        ({"a": 99.0}, {}),
        ({"a": 0.1, "b": -0.2}, {}),
        ({"a": 2.0, "b": 0.0}, {}),
        ({"a": 2.1, "b": 0.0}, {"a": 2.1}),
        ({"a": -5.0, "b": 0.0, "c": 0.5}, {"a": -5.0}),
        ({"a": 5.0, "b": 5.0}, {LEADER: -5.0}),
    ],
)
def test_a_clock_off_the_median_is_wrong(
    offsets: dict[str, float], wrong: dict[str, float]
) -> None:
    judged = judge_clocks(offsets, 2.0)
    assert judged.keys() == {*offsets, LEADER}
    assert {node: offset for node, offset in judged.items() if offset is not None} == wrong


def test_one_late_sample_tells_nothing_and_two_in_a_row_do() -> None:
    samples = ClockSamples()
    samples.add("a", -9.0)
    assert samples.offsets() == {}
    samples.add("a", 0.1)
    assert samples.offsets() == {"a": 0.1}
    samples.add("a", -9.0)
    samples.add("a", -8.0)
    assert samples.offsets() == {"a": -8.0}


def test_a_node_that_went_is_not_among_the_clocks_any_more() -> None:
    samples = ClockSamples()
    for _ in range(2):
        samples.add("a", 1.0)
    samples.forget("a")
    samples.forget("never-seen")
    assert samples.offsets() == {}
