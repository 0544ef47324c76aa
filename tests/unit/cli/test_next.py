"""Firings as they are shown: in two zones, with what the clocks do, by the hour, in herds."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from itertools import takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crony_ops.cli.ahead.heat_map import heat_map
from crony_ops.cli.ahead.herd import herd_part
from crony_ops.cli.ahead.upcoming import upcoming
from crony_ops.cli.next import choose, next_of
from crony_ops.cli.view.lookup import UnknownName
from crony_ops.model.job import Job
from crony_ops.schedule.herd import Herd, groups_of, herds

NOON = 1_795_348_800  # 2026-11-22 12:00 UTC
DAY = 86_400
# Midnight in Berlin, before the clocks show 02:30 twice, and before they don't at all.
AUTUMN, SPRING = 1_824_933_600, 1_806_188_400


def job(schedule: str, **fields: object) -> Job:
    return Job.model_validate({"schedule": schedule, "shell": "true", **fields})


def test_a_firing_is_told_in_its_zone_and_in_utc() -> None:
    (found,) = next_of({"a": job("30 2 * * *", timezone="Asia/Shanghai")}, None, NOON, 1, None)
    assert found.when == "2026-11-23T02:30:00+08:00"
    assert found.utc == "2026-11-22T18:30:00+00:00"
    assert (found.daylight, found.nodes, found.note) == (None, (), "")


def test_what_the_clocks_do_is_told_with_it() -> None:
    jobs = {"a": job("30 2 * * *", timezone="Europe/Berlin")}
    (spring,) = next_of(jobs, None, SPRING, 1, None)
    assert (spring.when, spring.daylight) == ("2027-03-28T03:00:00+02:00", "gap")
    (autumn,) = next_of(jobs, None, AUTUMN, 1, None)
    assert (autumn.when, autumn.daylight) == ("2027-10-31T02:30:00+02:00", "first")


def test_paused_jobs_show_when_they_are_named() -> None:
    known = {"a": job("@daily"), "b": job("@daily")}
    assert list(choose(known, ["b"], [])) == ["a"]
    assert list(choose(known, ["b"], ["b"])) == ["b"]
    with pytest.raises(UnknownName):
        choose(known, [], ["c"])


def test_a_day_on_which_the_clocks_change_has_24_hours_on_the_wall() -> None:
    groups = groups_of({"a": job("*/30 * * * *", timezone="Europe/Berlin")})
    (autumn,) = heat_map(groups, "Europe/Berlin", AUTUMN, 1).days
    assert autumn.date == date(2027, 10, 31)
    assert autumn.hours == (1, 2, 4, *(2,) * 21)  # midnight itself is the very moment of asking
    (spring,) = heat_map(groups, "Europe/Berlin", SPRING, 1).days
    assert spring.hours[:4] == (1, 2, 0, 2)


SPARSE = ["*/7 * * * *", "30 2 * * *", "H * * * *", "20 */9 * * * *", "@every 900s", "@hourly"]
DENSE = ["@every 50s", "*/20 * * * * *"]


def some_jobs(*schedules: str) -> st.SearchStrategy[dict[str, Job]]:
    return st.dictionaries(
        st.sampled_from([f"j{number}" for number in range(9)]),
        st.builds(
            job,
            st.sampled_from(schedules),
            timezone=st.sampled_from(["UTC", "Europe/Berlin"]),
            splay=st.sampled_from([0, 600, 4000]),
        ),
        min_size=1,
    )


@settings(max_examples=40)
@given(some_jobs(*SPARSE), st.integers(AUTUMN, AUTUMN + DAY))
def test_the_hours_add_up_to_the_firings(jobs: dict[str, Job], now: int) -> None:
    zone = ZoneInfo("Europe/Berlin")
    found = heat_map(groups_of(jobs), "Europe/Berlin", now, 2)
    until = found.days[-1].date
    expected: Counter[tuple[date, int]] = Counter()
    walls = (datetime.fromtimestamp(firing.at, zone) for firing in upcoming(jobs, now))
    for wall in takewhile(lambda wall: wall.date() <= until, walls):
        expected[wall.date(), wall.hour] += 1
    assert {
        (day.date, hour): count
        for day in found.days
        for hour, count in enumerate(day.hours)
        if count
    } == expected


def test_jobs_that_fire_together_again_and_again_are_one_herd() -> None:
    jobs = {f"a{i}": job("0 * * * *") for i in range(3)} | {
        f"b{i}": job("0 */2 * * *") for i in "12"
    }
    jobs |= {
        "busy": job("*/10 * * * * *"),
        "alone": job("7 7 * * *"),
        "s": job("@hourly", splay=50),
    }
    found = herds(groups_of(jobs), NOON, NOON + DAY, most=10)
    assert found == [
        Herd(NOON + 7200, ("a0", "a1", "a2", "b1", "b2"), 12),
        Herd(NOON + 3600, ("a0", "a1", "a2"), 12),
    ]
    assert herds(groups_of(jobs), NOON, NOON + DAY, most=1) == found[:1]


@settings(max_examples=40)
@given(some_jobs(*SPARSE, *DENSE))
def test_herds_are_those_of_the_firings(jobs: dict[str, Job]) -> None:
    coarse = {i: of for i, of in jobs.items() if of.schedule not in DENSE}
    at: dict[int, list[str]] = {}
    for firing in takewhile(lambda firing: firing.at <= NOON + DAY, upcoming(coarse, NOON)):
        at.setdefault(firing.at, []).append(firing.job)
    together = Counter(tuple(ids) for ids in at.values() if len(ids) > 1)
    found = herds(groups_of(jobs), NOON, NOON + DAY, most=1000)
    assert {herd.jobs: herd.times for herd in found} == together
    assert all(at[herd.at] == list(herd.jobs) for herd in found)


def test_a_document_names_no_more_jobs_than_anybody_reads() -> None:
    herd = Herd(NOON, tuple(f"j{number:04}" for number in range(5000)))
    document = herd_part(herd)
    assert (document.count, len(document.jobs)) == (5000, 100)
    assert document.utc == datetime.fromtimestamp(NOON, UTC).isoformat()
