"""What a schedule means, by crontab(5) and by hand, and what is refused."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from crony_ops.errors import BadSchedule
from crony_ops.schedule import Schedule, parse_schedule


def read(expression: str, job_id: str = "job") -> Schedule:
    return parse_schedule(expression, timezone="UTC", job_id=job_id)


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def next_three(expression: str, start: str, written: str = "%a %y-%m-%d %H:%M") -> list[str]:
    schedule, tick, found = read(expression), at(start), []
    for _ in range(3):
        tick = schedule.next_after(tick)
        found.append(datetime.fromtimestamp(tick, UTC).strftime(written))
    return found


# 2026-11-22 is a Sunday.
KNOWN = [
    # The examples of crontab(5).
    ("5 0 * * *", "Sun 26-11-22 00:05", "Mon 26-11-23 00:05", "Tue 26-11-24 00:05"),
    ("15 14 1 * *", "Tue 26-12-01 14:15", "Fri 27-01-01 14:15", "Mon 27-02-01 14:15"),
    ("0 22 * * 1-5", "Mon 26-11-23 22:00", "Tue 26-11-24 22:00", "Wed 26-11-25 22:00"),
    ("23 0-23/2 * * *", "Sun 26-11-22 00:23", "Sun 26-11-22 02:23", "Sun 26-11-22 04:23"),
    ("5 4 * * sun", "Sun 26-11-22 04:05", "Sun 26-11-29 04:05", "Sun 26-12-06 04:05"),
    ("0 4 * * 7", "Sun 26-11-22 04:00", "Sun 26-11-29 04:00", "Sun 26-12-06 04:00"),
    # "the 1st and 15th of each month, plus every Friday"
    ("30 4 1,15 * 5", "Fri 26-11-27 04:30", "Tue 26-12-01 04:30", "Fri 26-12-04 04:30"),
    # A day field that begins with * is no restriction: both have to match.
    ("0 0 */2 * sun", "Sun 26-11-29 00:00", "Sun 26-12-13 00:00", "Sun 26-12-27 00:00"),
    ("0 0 1-7 * */2", "Tue 26-12-01 00:00", "Thu 26-12-03 00:00", "Sat 26-12-05 00:00"),
    # 1-31 names every day, and does not begin with *: either matches.
    ("0 0 1-31 * mon", "Mon 26-11-23 00:00", "Tue 26-11-24 00:00", "Wed 26-11-25 00:00"),
    ("0 0 ? * mon", "Mon 26-11-23 00:00", "Mon 26-11-30 00:00", "Mon 26-12-07 00:00"),
    ("0 0 * * sat-sun", "Sat 26-11-28 00:00", "Sun 26-11-29 00:00", "Sat 26-12-05 00:00"),
    ("0 0 * * 5-7", "Fri 26-11-27 00:00", "Sat 26-11-28 00:00", "Sun 26-11-29 00:00"),
    ("0 0 1 JAN,Jul *", "Fri 27-01-01 00:00", "Thu 27-07-01 00:00", "Sat 28-01-01 00:00"),
    ("0 0 1 oct-dec *", "Tue 26-12-01 00:00", "Fri 27-10-01 00:00", "Mon 27-11-01 00:00"),
    # An equal range is that one value, not the whole field.
    ("5-5 3-3 * * *", "Sun 26-11-22 03:05", "Mon 26-11-23 03:05", "Tue 26-11-24 03:05"),
    ("40/10 0 * * *", "Sun 26-11-22 00:40", "Sun 26-11-22 00:50", "Mon 26-11-23 00:40"),
    ("10 * * * *", "Sun 26-11-22 00:10", "Sun 26-11-22 01:10", "Sun 26-11-22 02:10"),
    # Beyond crontab(5).
    ("0 0 L * *", "Mon 26-11-30 00:00", "Thu 26-12-31 00:00", "Sun 27-01-31 00:00"),
    ("0 0 15,L * *", "Mon 26-11-30 00:00", "Tue 26-12-15 00:00", "Thu 26-12-31 00:00"),
    ("0 0 L 2 *", "Sun 27-02-28 00:00", "Tue 28-02-29 00:00", "Wed 29-02-28 00:00"),
    ("0 0 * * mon#2", "Mon 26-12-14 00:00", "Mon 27-01-11 00:00", "Mon 27-02-08 00:00"),
    ("0 0 * * 1#5", "Mon 26-11-30 00:00", "Mon 27-03-29 00:00", "Mon 27-05-31 00:00"),
    ("0 0 * * friL", "Fri 26-11-27 00:00", "Fri 26-12-25 00:00", "Fri 27-01-29 00:00"),
    ("0 0 * * L5", "Fri 26-11-27 00:00", "Fri 26-12-25 00:00", "Fri 27-01-29 00:00"),
    ("0 0 29 2 *", "Tue 28-02-29 00:00", "Sun 32-02-29 00:00", "Fri 36-02-29 00:00"),
    ("@hourly", "Sun 26-11-22 01:00", "Sun 26-11-22 02:00", "Sun 26-11-22 03:00"),
    ("@daily", "Mon 26-11-23 00:00", "Tue 26-11-24 00:00", "Wed 26-11-25 00:00"),
    ("@midnight", "Mon 26-11-23 00:00", "Tue 26-11-24 00:00", "Wed 26-11-25 00:00"),
    ("@weekly", "Sun 26-11-29 00:00", "Sun 26-12-06 00:00", "Sun 26-12-13 00:00"),
    ("@monthly", "Tue 26-12-01 00:00", "Fri 27-01-01 00:00", "Mon 27-02-01 00:00"),
    ("@yearly", "Fri 27-01-01 00:00", "Sat 28-01-01 00:00", "Mon 29-01-01 00:00"),
    ("@annually", "Fri 27-01-01 00:00", "Sat 28-01-01 00:00", "Mon 29-01-01 00:00"),
    ("@every 1h30m", "Sun 26-11-22 01:30", "Sun 26-11-22 03:00", "Sun 26-11-22 04:30"),
    ("@every 2d", "Mon 26-11-23 00:00", "Wed 26-11-25 00:00", "Fri 26-11-27 00:00"),
]  # fmt: skip


@pytest.mark.parametrize(("expression", "first", "second", "third"), KNOWN)
def test_known_answers(expression: str, first: str, second: str, third: str) -> None:
    assert next_three(expression, "2026-11-22 00:00:00") == [first, second, third]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("*/20 59 23 * * *", ["23:59:00", "23:59:20", "23:59:40"]),
        ("5,50 * * * * *", ["00:00:05", "00:00:50", "00:01:05"]),
        ("10 * * * *", ["00:10:00", "01:10:00", "02:10:00"]),
        ("@every 90s", ["00:01:30", "00:03:00", "00:04:30"]),
    ],
)
def test_seconds_come_first_and_only_where_there_are_six_fields(
    expression: str, expected: list[str]
) -> None:
    assert next_three(expression, "2026-11-22 00:00:00", "%H:%M:%S") == expected


REFUSED = [
    ("", "empty"),
    ("* * * *", "4 fields"),
    ("* * * * * * *", "7 fields: a year is not supported"),
    ("*/0 * * * *", "a step of 0 never moves on"),
    ("0-30/0 * * * *", "a step of 0 never moves on"),
    ("H/0 * * * *", "a step of 0 never moves on"),
    ("*/90 * * * *", "use @every, such as @every 90m"),
    ("50-10 * * * *", "minute '50-10': the range runs backwards; write 50-59,0-10"),
    ("* 22-3 * * *", "write 22-23,0-3"),
    ("* * * * fri-mon", "write fri-sat,sun-mon"),
    ("* * * nov-feb *", "write nov-dec,jan-feb"),
    ("60 * * * *", "60 is out of range; it goes from 0 to 59"),
    ("* 24 * * *", "24 is out of range"),
    ("* * 0 * *", "0 is out of range; it goes from 1 to 31"),
    ("* * * 13 *", "13 is out of range"),
    ("* * * * 8", "8 is out of range; it goes from 0 to 7"),
    ("9999999999999999999999 * * * *", "out of range"),
    ("* * * * moon", "did you mean mon?"),
    ("* * * january *", "did you mean jan?"),
    ("* * * * mon#6", "#1 to #5"),
    ("* * * * mon#0", "#1 to #5"),
    ("* * * * L", "as in L5 or friL"),
    ("* * 15W * *", "W (the nearest working day) is not supported"),
    ("R * * * *", "use H"),
    ("H-5 * * * *", "write H, H(0-29)"),
    ("H(50-70) * * * *", "70 is out of range"),
    ("H(30-10) * * * *", "runs backwards"),
    ("1,,2 * * * *", "extra comma"),
    ("-5 * * * *", "no negative values"),
    ("1.5 * * * *", "'1.5' is not known"),
    ("٣ * * * *", "is not known"),
    ("mon * * * *", "'mon' is not known"),
    ("? * * * *", "? stands alone, and for a day only"),
    ("* * 30 2 *", "it would never fire"),
    ("* * 31 4,6,9,11 *", "it would never fire"),
    ("* * */31 * mon#2", "it would never fire"),
    ("@reboot", "@reboot is not supported"),
    ("@dayly", "did you mean @daily?"),
    ("@every", "no duration"),
    ("@every 5", "no duration"),
    ("@every 1m1h", "no duration"),
    ("@every 0s", "a second is the least"),
    ("@every 999999999d", "longer than a year"),
    ("CRON_TZ=UTC 0 2 * * *", "the zone has a field of its own"),
]


@pytest.mark.parametrize(("expression", "hint"), REFUSED)
def test_what_is_no_schedule_is_refused_with_a_way_to_mend_it(expression: str, hint: str) -> None:
    with pytest.raises(BadSchedule) as refusal:
        read(expression)
    assert hint in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Europe/Berln", "did you mean Europe/Berlin?"),
        ("asia/shanghai", "did you mean Asia/Shanghai?"),
        ("America", "did you mean America/"),
        ("../etc/passwd", "is not known"),
        ("", "use a name such as Europe/Berlin"),
    ],
)
def test_an_unknown_zone_is_refused_with_the_nearest_name(name: str, hint: str) -> None:
    with pytest.raises(BadSchedule) as refusal:
        parse_schedule("0 2 * * *", timezone=name, job_id="job")
    assert hint in str(refusal.value)


def test_the_days_of_a_month_that_lacks_them_are_no_error_beside_a_weekday() -> None:
    assert next_three("0 0 30 2 mon", "2026-11-22 00:00:00")[0] == "Mon 27-02-01 00:00"


def minutes_of(expression: str, job_id: str) -> tuple[int, ...]:
    ticks = read(expression, job_id).between(
        at("2026-11-22 00:00:00") - 1, at("2026-11-22 00:59:59")
    )
    return tuple(tick // 60 % 60 for tick in ticks)


def test_hashed_fields_belong_to_the_job_and_stay_in_their_range() -> None:
    for number in range(200):
        job_id = f"job-{number}"
        (minute,) = minutes_of("H * * * *", job_id)
        assert minutes_of("H * * * *", job_id) == (minute,)
        quarters = minutes_of("H/15 * * * *", job_id)
        assert len(quarters) == 4
        assert {later - earlier for earlier, later in pairwise(quarters)} == {15}
        (early,) = minutes_of("H(0-29) * * * *", job_id)
        assert early < 30
        assert set(minutes_of("H(10-19)/5,59 * * * *", job_id)) < {*range(10, 20), 59}


def test_a_hashed_day_comes_in_every_month() -> None:
    for number in range(50):
        schedule = read("0 0 H * *", f"job-{number}")
        assert schedule.count(at("2026-12-31 12:00:00"), at("2027-12-31 12:00:00")) == 12


def test_hashing_spreads_jobs_evenly_over_the_whole_day() -> None:
    start = at("2026-11-22 00:00:00")
    slots = Counter(
        (read("H H * * *", f"db-backup-{number}").next_after(start - 1) - start) // 60
        for number in range(3_600)
    )
    # 2.5 jobs a minute on average: of 1,440 minutes, chance leaves some 120 empty.
    assert len(slots) > 1250
    assert max(slots.values()) < 16


def test_jobs_of_one_expression_share_what_they_know() -> None:
    first, second = (parse_schedule("*/5 1 * * 2", timezone="UTC", job_id=job) for job in "ab")
    assert first == second
    assert first.calendar is second.calendar  # type: ignore[attr-defined]
    assert not hasattr(first, "__dict__")


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("*/10 * * * * *", "every 10 s"),
        ("* * * * *", "every 1 m"),
        ("@every 90s", "every 90 s"),
        ("@every 1h0m5s", "1 h 0 m 5 s apart"),
        ("@hourly", "1 h apart"),
        ("30 2 * * *", "24 h apart"),
        ("0 9 * * mon-fri", "24 h to 3 d apart"),
        ("@weekly", "7 d apart"),
        ("@every 25h", "25 h apart"),
        ("@every 745h", "31 d 1 h apart"),
        ("0 2 1 * *", "28 d to 31 d apart"),
    ],
)
def test_the_interval_in_words(expression: str, words: str) -> None:
    assert read(expression).describe_interval(at("2026-11-22 12:00:00")) == words
