"""The order of firings."""

from __future__ import annotations

from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from crony_ops.cli.ahead.upcoming import upcoming
from crony_ops.model.job import Job
from crony_ops.schedule import splay_offset

NOON = 1_795_348_800


def job(schedule: str, **fields: object) -> Job:
    return Job.model_validate({"schedule": schedule, "shell": "true", **fields})


def test_firings_of_all_jobs_come_in_the_order_of_time() -> None:
    jobs = {"slow": job("@every 60s"), "fast": job("@every 20s")}
    found = [(firing.at - NOON, firing.job) for firing in islice(upcoming(jobs, NOON), 5)]
    assert found == [(20, "fast"), (40, "fast"), (60, "fast"), (60, "slow"), (80, "fast")]


def test_a_splayed_tick_that_is_due_but_has_not_fired_yet_is_still_to_come() -> None:
    offset = splay_offset("late", 3_600)
    assert offset > 1
    firing = next(upcoming({"late": job("0 12 * * *", splay="1h")}, NOON + offset - 1))
    assert (firing.tick, firing.at) == (NOON, NOON + offset)


def test_hashed_jobs_that_are_written_alike_fire_each_at_its_own_time() -> None:
    jobs = {f"j{number}": job("H H * * *") for number in range(5)}
    assert len({firing.at for firing in islice(upcoming(jobs, NOON), 5)}) > 1


def test_without_a_job_nothing_fires() -> None:
    assert list(upcoming({}, NOON)) == []


@given(
    periods=st.lists(st.integers(1, 5_000), min_size=1, max_size=5),
    splay=st.integers(0, 600),
    now=st.integers(0, 2_000_000_000),
)
def test_no_firing_is_in_the_past_or_out_of_order(periods: list[int], splay: int, now: int) -> None:
    jobs = {f"j{i}": job(f"@every {p}s", splay=splay) for i, p in enumerate(periods)}
    found = list(islice(upcoming(jobs, now), 30))
    assert found[0].at > now
    assert found == sorted(found)
    assert len(set(found)) == 30
