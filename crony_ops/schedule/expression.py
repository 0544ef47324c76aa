"""From the text of a schedule to a Schedule: five or six cron fields, an @alias, or @every.

The grammar is that of crontab(5), with seconds first where there are six fields, ``L`` (last day
of the month; ``L5`` last Friday), ``#`` (``mon#2``) and ``H`` (hashed by the job's id) on top.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import lru_cache
from typing import TYPE_CHECKING

from crony_ops.errors import BadSchedule
from crony_ops.schedule.days import Days
from crony_ops.schedule.fields import FIELDS, Values, is_hashed, read_field
from crony_ops.schedule.times_of_day import TimesOfDay
from crony_ops.schedule.timetable import CronSchedule, EverySchedule, Schedule
from crony_ops.schedule.wall_calendar import WallCalendar
from crony_ops.schedule.zone import load_zone

if TYPE_CHECKING:
    from collections.abc import Sequence

_ALIASES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_DURATION = re.compile(r"(?:([0-9]{1,9})d)?(?:([0-9]{1,9})h)?(?:([0-9]{1,9})m)?(?:([0-9]{1,9})s)?")
_LONGEST_PERIOD = 366 * 86_400


def parse_schedule(expression: str, *, timezone: str, job_id: str) -> Schedule:
    """Read a schedule. Raises BadSchedule for one that is none, that would never fire, or whose
    zone is unknown; its reason says how to mend it.

    ``timezone`` is an IANA name; ``@every`` does not depend on it. ``job_id`` gives ``H`` its
    values, the same everywhere and for ever.
    """
    zone = load_zone(timezone)
    fields = expression.lower().split()
    if not fields:
        raise BadSchedule(reason="the schedule is empty: write one such as '30 2 * * *'")
    if fields[0] == "@every":
        return EverySchedule(_period("".join(fields[1:])))
    if fields[0].startswith("@"):
        fields = _unalias(" ".join(fields)).split()
    if fields[0].startswith(("tz=", "cron_tz=")):
        raise BadSchedule(reason="the zone has a field of its own: take it out of the schedule")
    if len(fields) == 5:
        fields.insert(0, "0")
    if len(fields) != len(FIELDS):
        raise BadSchedule(reason=_wrong_number(len(fields)))
    if any(is_hashed(text) for text in fields):
        return CronSchedule(_calendar(fields, job_id), zone)
    return CronSchedule(_common_calendar(tuple(fields)), zone)


# Thousands of jobs share a few expressions, and hashed ones at least their parts.
@lru_cache(maxsize=4096)
def _common_calendar(fields: tuple[str, ...]) -> WallCalendar:
    return _calendar(fields, job_id="")


def _calendar(fields: Sequence[str], job_id: str) -> WallCalendar:
    second, minute, hour, monthday, month, weekday = (
        read_field(of, text, job_id) for of, text in zip(FIELDS, fields, strict=True)
    )
    return WallCalendar(
        days=_days(monthday, month, weekday),
        times=_times(hour.numbers, minute.numbers, second.numbers),
        by_elapsed_time=minute.recurs or hour.recurs,
    )


_times = lru_cache(maxsize=4096)(TimesOfDay)


@lru_cache(maxsize=4096)
def _days(monthday: Values, month: Values, weekday: Values) -> Days:
    days = Days(
        months=_bits(month.numbers),
        monthdays=_bits(monthday.numbers),
        last_monthday=monthday.last,
        weekdays=_bits(weekday.numbers),
        nth_weekdays=weekday.nth,
        either=not monthday.starred and not weekday.starred,
    )
    if not days.ever_fire():
        raise BadSchedule(
            reason="it would never fire: no year has such a day in these months "
            "(30 February, say); change day-of-month, month or day-of-week"
        )
    return days


def _bits(numbers: tuple[int, ...]) -> int:
    return sum(1 << number for number in numbers)


def _unalias(text: str) -> str:
    if text in _ALIASES:
        return _ALIASES[text]
    if text == "@reboot":
        raise BadSchedule(
            reason="@reboot is not supported: a fleet has no one boot; "
            "use a time, or a unit of the machine's own init"
        )
    near = get_close_matches(text, [*_ALIASES, "@every"], n=1)
    hint = f"did you mean {near[0]}?" if near else f"use one of {', '.join(_ALIASES)}, @every 5m"
    raise BadSchedule(reason=f"{text!r} is not known; {hint}")


def _period(text: str) -> int:
    """The seconds of a duration such as 90s, 5m, 1h30m or 2d."""
    found = _DURATION.fullmatch(text)
    if not text or found is None:
        raise BadSchedule(
            reason=f"@every {text!r} is no duration: write whole days, hours, minutes and seconds "
            "in this order, such as 90s, 5m, 1h30m or 2d"
        )
    days, hours, minutes, seconds = (int(amount or 0) for amount in found.groups())
    period = days * 86_400 + hours * 3600 + minutes * 60 + seconds
    if period < 1:
        raise BadSchedule(reason=f"@every {text!r} never moves on: a second is the least, 1s")
    if period > _LONGEST_PERIOD:
        raise BadSchedule(reason=f"@every {text!r} is longer than a year: use dates, or @yearly")
    return period


def _wrong_number(found: int) -> str:
    layout = "minute hour day-of-month month day-of-week"
    if found == len(FIELDS) + 1:
        return f"7 fields: a year is not supported; write second {layout}"
    return f"{found} fields, where there are 5 ({layout}) or 6 (second {layout})"
