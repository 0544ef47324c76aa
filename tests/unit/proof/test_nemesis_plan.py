"""The nemesis' plan: repeatable, all of it, and never more than it may take at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.faults.proof.company import ETCDS, NODES, TTL, WATCHERS
from tests.faults.proof.history import ORDERS, Kind
from tests.faults.proof.nemesis.plan import Step, plan

SEEDS = st.integers(0, 2**64)
DURATIONS = st.floats(20, 600, allow_nan=False)
ROLLING = {"rolling": "yes"}
AWAY = (Kind.kill, Kind.freeze, Kind.restart)


@given(SEEDS, DURATIONS, st.booleans())
def test_the_same_seed_plans_the_same(seed: int, duration: float, disk: bool) -> None:
    assert plan(seed, duration, disk=disk) == plan(seed, duration, disk=disk)


def test_another_seed_plans_something_else() -> None:
    assert plan(1, 60) != plan(2, 60)


@given(SEEDS, DURATIONS)
def test_steps_are_in_order_and_all_is_healed_by_the_end(seed: int, duration: float) -> None:
    steps = plan(seed, duration)
    assert [step.at for step in steps] == sorted(step.at for step in steps)
    assert all(step.at > 0 and step.until <= duration for step in steps)


@given(SEEDS)
def test_each_kind_comes_within_a_minute_and_a_half(seed: int) -> None:
    """Cursors are reset when a clock was wrong, and stalls come by themselves: no plan has them."""
    planned = {step.kind for step in plan(seed, 90)}
    assert planned == set(Kind) - {Kind.resume, Kind.uncordon, Kind.reset_cursor, Kind.stall}


@given(SEEDS)
def test_in_ten_minutes_there_are_three_hundred_faults_and_a_rolling_restart(seed: int) -> None:
    steps = plan(seed, 600)
    assert sum(step.kind not in ORDERS for step in steps) >= 300
    rolling = [step.target for step in steps if step.detail == ROLLING]
    assert rolling[: len(rolling) // 2] == [*ETCDS, *WATCHERS, *NODES]


@given(SEEDS, DURATIONS)
def test_at_no_time_is_more_away_than_may_be(seed: int, duration: float) -> None:
    away = [step for step in plan(seed, duration) if step.kind in AWAY]
    for family, most in (("node", 2), ("watcher", 1), ("etcd", 1)):
        of_family = [step for step in away if step.target.startswith(family)]
        assert _most_at_once(of_family) <= most, family


@given(SEEDS, DURATIONS)
def test_nothing_lasts_longer_than_three_leases(seed: int, duration: float) -> None:
    """Also all members together: that is an outage of seconds."""
    for step in plan(seed, duration):
        if step.kind not in ORDERS:
            assert step.lasts <= 3 * TTL
        if step.target == "etcd all":
            assert step.lasts <= 2 * TTL


@given(SEEDS, DURATIONS)
def test_a_link_has_one_fault_at_a_time(seed: int, duration: float) -> None:
    by_client = defaultdict(list)
    for step in plan(seed, duration):
        client, joined, _ = step.target.partition(">")
        if joined:
            by_client[client].append(step)
    assert all(_most_at_once(steps) <= 1 for steps in by_client.values())


@given(SEEDS, DURATIONS)
def test_without_a_disk_of_its_own_no_agents_disk_is_filled(seed: int, duration: float) -> None:
    assert all(step.kind is not Kind.disk for step in plan(seed, duration, disk=False))


@pytest.mark.parametrize("duration", [0.0, 1.0, 5.0])
def test_a_run_too_short_for_a_fault_has_none(duration: float) -> None:
    assert plan(7, duration) == []


def _most_at_once(steps: Iterable[Step]) -> int:
    edges = sorted(edge for s in steps for edge in ((s.at, 1), (s.until, -1)))
    now = most = 0
    for _, change in edges:
        now += change
        most = max(most, now)
    return most
