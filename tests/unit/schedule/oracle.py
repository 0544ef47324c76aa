"""Cron by brute force: walk the clock, look at the wall, ask whether the expression matches.

Shares no code and no idea with the package: it knows five or six numeric fields, holds the day in
a ``datetime`` and finds DST by noticing that the wall clock jumped between two steps.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from zoneinfo import ZoneInfo

_RANGES = ((0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


@cache
def values(field: int, text: str) -> frozenset[int]:
    """The numbers of a field: ``*``, ``1``, ``1-5``, ``*/2``, ``1-9/2``, ``4/2``, and lists."""
    lowest, highest = _RANGES[field]
    found: set[int] = set()
    for item in text.split(","):
        if item.upper() == "L" or "#" in item or item.upper().startswith("L"):
            continue
        body, _, step = item.partition("/")
        if body == "*":
            low, high = lowest, 6 if field == 5 else highest
        elif "-" in body:
            low, high = (int(end) for end in body.split("-"))
        else:
            low, high = int(body), (6 if field == 5 else highest) if step else int(body)
        span = range(low, high + 1, int(step or 1))
        found |= {number for number in span if lowest <= number <= highest}
    return frozenset(n % 7 for n in found) if field == 5 else frozenset(found)


def six(expression: str) -> list[str]:
    fields = expression.split()
    return fields if len(fields) == 6 else ["0", *fields]


def day_matches(expression: str, day: date) -> bool:
    monthday, month, weekday = six(expression)[3:]
    if day.month not in values(4, month):
        return False
    length = monthrange(day.year, day.month)[1]
    in_month = day.day in values(3, monthday) or ("L" in monthday and day.day == length)
    sunday_based = day.isoweekday() % 7
    in_week = sunday_based in values(5, weekday)
    for item in weekday.split(","):
        if "#" in item:
            which, number = (int(part) for part in item.split("#"))
            in_week |= which % 7 == sunday_based and (day.day - 1) // 7 + 1 == number
        elif item.startswith("L"):
            in_week |= int(item[1:]) % 7 == sunday_based and day.day + 7 > length
    if monthday.startswith("*") or weekday.startswith("*"):
        return in_month and in_week
    return in_month or in_week


@cache
def times_of_day(expression: str) -> frozenset[int]:
    second, minute, hour = six(expression)[:3]
    return frozenset(
        h * 3600 + m * 60 + s
        for h in values(2, hour)
        for m in values(1, minute)
        for s in values(0, second)
    )


@cache
def numbered_day_matches(expression: str, day: int) -> bool:
    return day_matches(expression, date(1970, 1, 1) + timedelta(days=day))


def by_elapsed_time(expression: str) -> bool:
    _, minute, hour = six(expression)[:3]
    return any(mark in field for field in (minute, hour) for mark in "*/")


@dataclass(frozen=True)
class Walk:
    """What the wall clock of a zone says at each step of a stretch of time."""

    step: int
    moments: tuple[tuple[int, int], ...]


def walk(zone: ZoneInfo, start: int, end: int, step: int) -> Walk:
    def wall(moment: int) -> int:
        return int(datetime.fromtimestamp(moment, zone).replace(tzinfo=UTC).timestamp())

    moments = range(start - start % step, end, step)
    return Walk(step, tuple((moment, wall(moment)) for moment in moments))


def ticks(expression: str, along: Walk) -> Iterator[int]:
    """``wall`` is in seconds from 1970-01-01 00:00 as the clock on the wall counts them."""
    times, elapsed = times_of_day(expression), by_elapsed_time(expression)

    def matches(wall: int) -> bool:
        return wall % 86_400 in times and numbered_day_matches(expression, wall // 86_400)

    furthest = along.moments[0][1] - along.step
    for moment, wall in along.moments:
        if elapsed:
            due = matches(wall)
        elif wall <= furthest:
            continue
        else:
            due = any(matches(w) for w in range(furthest + along.step, wall + 1, along.step))
            furthest = wall
        if due:
            yield moment
