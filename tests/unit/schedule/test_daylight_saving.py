"""DST by hand: what an operator sees on the wall, and the second that it is in UTC."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from crony_ops.schedule import parse_schedule


def ticks(expression: str, zone: str, first: str, last: str) -> list[str]:
    """The ticks from ``first`` to ``last``, both in UTC."""
    a, b = (
        int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) for text in (first, last)
    )
    schedule = parse_schedule(expression, timezone=zone, job_id="job")
    return [
        datetime.fromtimestamp(tick, UTC).strftime("%d %H:%M")
        for tick in schedule.between(a - 1, b)
    ]


BERLIN_SPRING = ("Europe/Berlin", "2026-03-28 23:00", "2026-03-29 02:00")  # at 01:00
BERLIN_AUTUMN = ("Europe/Berlin", "2026-10-24 23:00", "2026-10-25 02:00")  # at 01:00


@pytest.mark.parametrize(
    ("expression", "where", "expected"),
    [
        ("30 2 * * *", BERLIN_SPRING, ["29 01:00"]),
        ("0,20,40 2 * * *", BERLIN_SPRING, ["29 01:00"]),
        ("0 2,3 * * *", BERLIN_SPRING, ["29 01:00"]),
        ("30 2,3 * * *", BERLIN_SPRING, ["29 01:00", "29 01:30"]),
        ("30 * * * *", BERLIN_SPRING, ["28 23:30", "29 00:30", "29 01:30"]),
        ("*/30 2 * * *", BERLIN_SPRING, []),
        ("*/10 30 2 * * *", BERLIN_SPRING, ["29 01:00"]),
        ("30 2 * * *", BERLIN_AUTUMN, ["25 00:30"]),
        ("0 3 * * *", BERLIN_AUTUMN, ["25 02:00"]),
        ("0 2 * * *", BERLIN_AUTUMN, ["25 00:00"]),
        ("30 * * * *", BERLIN_AUTUMN, ["24 23:30", "25 00:30", "25 01:30"]),
        ("*/30 2 * * *", BERLIN_AUTUMN, ["25 00:00", "25 00:30", "25 01:00", "25 01:30"]),
        # Half an hour: 02:00 becomes 02:30, and 02:00 becomes 01:30.
        (
            "15 2 * * *",
            ("Australia/Lord_Howe", "2026-10-03 14:00", "2026-10-03 17:00"),
            ["03 15:30"],
        ),
        (
            "45 1 * * *",
            ("Australia/Lord_Howe", "2026-04-04 13:00", "2026-04-04 17:00"),
            ["04 14:45"],
        ),
        # Midnight is missing: the day starts at 01:00.
        ("0 0 * * *", ("Asia/Beirut", "2026-03-28 12:00", "2026-03-29 12:00"), ["28 22:00"]),
        ("0 0 * * *", ("Africa/Cairo", "2026-04-23 12:00", "2026-04-24 12:00"), ["23 22:00"]),
        # Midnight comes twice: once at first, at 04:00 UTC.
        ("0 0 * * *", ("America/Havana", "2026-11-01 00:00", "2026-11-01 12:00"), ["01 04:00"]),
        # Ireland's winter is the exception, its summer the standard.
        ("30 1 * * *", ("Europe/Dublin", "2026-03-29 00:00", "2026-03-29 12:00"), ["29 01:00"]),
        ("30 1 * * *", ("Europe/Dublin", "2026-10-25 00:00", "2026-10-25 12:00"), ["25 00:30"]),
        # Samoa had no 30 December 2011: its noon runs as the 31st begins.
        (
            "0 12 * * *",
            ("Pacific/Apia", "2011-12-29 12:00", "2011-12-31 12:00"),
            ["29 22:00", "30 10:00", "30 22:00"],
        ),
        (
            "0 * * * *",
            ("Pacific/Apia", "2011-12-30 09:00", "2011-12-30 11:00"),
            ["30 09:00", "30 10:00", "30 11:00"],
        ),
        (
            "@every 30m",
            BERLIN_AUTUMN,
            ["24 23:00", "24 23:30", "25 00:00", "25 00:30", "25 01:00", "25 01:30", "25 02:00"],
        ),
    ],
)
def test_daylight_saving(expression: str, where: tuple[str, str, str], expected: list[str]) -> None:
    assert ticks(expression, *where) == expected


def test_a_rare_interval_job_is_not_leapt_over_in_the_repeated_hour() -> None:
    schedule = parse_schedule("15/30 2 25 10 *", timezone="Europe/Berlin", job_id="job")
    last_of_first_pass = int(datetime(2026, 10, 25, 0, 45, tzinfo=UTC).timestamp())
    assert schedule.next_after(last_of_first_pass) == last_of_first_pass + 1800
    assert schedule.previous_before(last_of_first_pass + 1800) == last_of_first_pass


def test_nothing_lies_before_the_epoch() -> None:
    new_york = parse_schedule("0 0 29 2 *", timezone="America/New_York", job_id="job")
    first = int(datetime(1972, 2, 29, 5, tzinfo=UTC).timestamp())
    assert new_york.next_after(-(10**12)) == first
    assert new_york.previous_before(first) is None
    assert new_york.newest_at(-1) is None
    assert new_york.count(-(10**12), first) == 1
    every = parse_schedule("@every 10s", timezone="UTC", job_id="job")
    assert every.next_after(-55) == 0
    assert every.previous_before(0) is None
    assert every.count(-55, 20) == 3
    assert every.count(-55, -5) == 0
