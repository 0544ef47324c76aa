"""Which ticks a change of the clocks moves, and which wall times it repeats."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crony_ops.schedule import parse_schedule
from crony_ops.schedule.daylight import Daylight, changes_between, daylight_at

BERLIN = "Europe/Berlin"
YEAR = (1_795_348_800, 1_795_348_800 + 365 * 86_400)
# 2027-03-28 02:00 +01:00 is 03:00 +02:00; 2027-10-31 03:00 +02:00 is 02:00 +01:00.
SPRING, AUTUMN = 1_806_195_600, 1_824_944_400


def changes(expression: str, zone: str = BERLIN) -> list[tuple[Daylight, str, int]]:
    schedule = parse_schedule(expression, timezone=zone, job_id="a")
    return [
        (change.kind, f"{datetime.fromtimestamp(change.wall, UTC):%m-%d %H:%M}", change.tick)
        for change in changes_between(schedule, *YEAR)
    ]


def test_a_fixed_time_in_both() -> None:
    assert changes("30 2 * * *") == [
        (Daylight.gap, "03-28 02:30", SPRING),
        (Daylight.first, "10-31 02:30", AUTUMN - 1800),
    ]


@pytest.mark.parametrize(
    ("expression", "zone"),
    [
        ("30 3 * * *", BERLIN),
        ("30 2 1 * *", BERLIN),
        ("*/30 * * * *", BERLIN),
        ("*/30 2 * * *", BERLIN),
        ("@every 30m", BERLIN),
        ("30 2 * * *", "Asia/Shanghai"),
        ("30 2 * * *", "UTC"),
    ],
)
def test_others_need_not_mind(expression: str, zone: str) -> None:
    assert changes(expression, zone) == []


def test_each_tick_says_what_is_odd_about_it() -> None:
    def odd(expression: str, tick: int) -> Daylight | None:
        return daylight_at(parse_schedule(expression, timezone=BERLIN, job_id="a"), tick)

    assert odd("30 2 * * *", SPRING) is Daylight.gap
    assert odd("30 2 * * *", AUTUMN - 1800) is Daylight.first
    assert odd("*/30 * * * *", AUTUMN - 1800) is Daylight.first
    assert odd("*/30 * * * *", AUTUMN + 1800) is Daylight.second
    assert odd("*/30 * * * *", AUTUMN + 3600) is None
    assert odd("*/30 * * * *", SPRING) is None
    assert odd("@every 30m", AUTUMN + 1800) is None


@given(
    st.sampled_from([BERLIN, "America/New_York", "Australia/Lord_Howe", "UTC", "Africa/Cairo"]),
    st.sampled_from(["30 2 * * *", "0,59 0-3 * * *", "15 1 * * 0", "*/20 * * * *", "0 2 * * *"]),
    st.integers(1_700_000_000, 1_900_000_000),
)
def test_a_repeated_wall_time_is_one_that_the_clocks_show_twice(
    zone: str, expression: str, after: int
) -> None:
    schedule = parse_schedule(expression, timezone=zone, job_id="a")
    tick = schedule.next_after(after)
    moment = datetime.fromtimestamp(tick, ZoneInfo(zone))
    other = moment.replace(fold=1 - moment.fold).timestamp()
    twice = other != tick and datetime.fromtimestamp(other, ZoneInfo(zone)).replace(
        tzinfo=None
    ) == moment.replace(tzinfo=None)
    found = daylight_at(schedule, tick)
    assert (found in (Daylight.first, Daylight.second)) == twice
    if twice:
        assert found is (Daylight.second if moment.fold else Daylight.first)
