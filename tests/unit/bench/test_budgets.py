"""What all benchmarks together may take."""

from __future__ import annotations

from bench.__main__ import BENCHMARKS


def test_all_benchmarks_take_less_than_twenty_minutes() -> None:
    assert sum(benchmark.budget for benchmark in BENCHMARKS.values()) < 20 * 60
