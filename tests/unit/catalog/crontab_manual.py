"""crontab(5) by itself: whether a line fires in a minute. Shares no code with the package."""

from __future__ import annotations

from datetime import datetime

_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()  # noqa: SIM905
_WEEKDAYS = "sun mon tue wed thu fri sat".split()  # noqa: SIM905
_ALIASES = {"@daily": "0 0 * * *", "@hourly": "0 * * * *", "@weekly": "0 0 * * 0"}


def fires_at(schedule: str, moment: datetime) -> bool:
    """ "The command will be run when either field matches the current time" where both day fields
    are restricted, that is: neither starts with ``*``."""
    minute, hour, monthday, month, weekday = _ALIASES.get(schedule, schedule).lower().split()
    if not (
        _holds(minute, moment.minute, 59)
        and _holds(hour, moment.hour, 23)
        and _holds(_numbered(month, _MONTHS, 1), moment.month, 12, first=1)
    ):
        return False
    sunday_based = moment.isoweekday() % 7
    weekday = _numbered(weekday, _WEEKDAYS, 0)
    in_week = _holds(weekday, sunday_based, 7) or (
        sunday_based == 0 and not weekday.startswith("*") and _holds(weekday, 7, 7)
    )
    in_month = _holds(monthday, moment.day, 31, first=1)
    if monthday.startswith("*") or weekday.startswith("*"):
        return in_month and in_week
    return in_month or in_week


def _numbered(field: str, names: list[str], first: int) -> str:
    for number, name in enumerate(names, first):
        field = field.replace(name, str(number))
    return field


def _holds(field: str, value: int, last: int, first: int = 0) -> bool:
    for item in field.split(","):
        span, _, step = item.partition("/")
        low, _, high = span.partition("-")
        if span == "*":
            low, high = str(first), str(last)
        if int(low) <= value <= int(high or low) and (value - int(low)) % int(step or 1) == 0:
            return True
    return False
