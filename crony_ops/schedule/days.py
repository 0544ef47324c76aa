"""Which days a schedule names: month, day-of-month and day-of-week, joined as in Vixie cron.

A day is a number: days since 1970-01-01 in the schedule's own zone. The days of one month are the
bits 1 to 31 of an int, so that the two fields are joined and searched in a few instructions.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass, field
from datetime import date

_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_ALL_MONTHS = 0b1_1111_1111_1110
_ALL_MONTHDAYS = 0xFFFF_FFFE
_ALL_WEEKDAYS = 0b111_1111
_EACH_WEEK = sum(1 << 7 * week for week in range(5))
_FIRST_YEAR = 1969  # west of Greenwich the epoch falls on the last day of it

LAST_IN_MONTH = 0
"""Stands for "the last one" where the number of a weekday in its month is expected."""


@dataclass(frozen=True, slots=True)
class Days:
    """The days on which a schedule fires.

    ``months``, ``monthdays`` and ``weekdays`` hold a bit for each value (Sunday is bit 0).
    ``nth_weekdays`` holds pairs of weekday and number in the month, 1 to 5 or ``LAST_IN_MONTH``.
    ``either``: a day needs to match one of day-of-month and day-of-week, not both.
    """

    months: int
    monthdays: int
    last_monthday: bool
    weekdays: int
    nth_weekdays: frozenset[tuple[int, int]]
    either: bool
    every_day: bool = field(init=False)

    def __post_init__(self) -> None:
        all_monthdays = self.monthdays == _ALL_MONTHDAYS
        all_weekdays = self.weekdays == _ALL_WEEKDAYS
        free = all_monthdays or all_weekdays if self.either else all_monthdays and all_weekdays
        object.__setattr__(self, "every_day", free and self.months == _ALL_MONTHS)

    def in_month(self, year: int, month: int) -> int:
        """The matching days of one month, as bits 1 to 31."""
        if not self.months >> month & 1:
            return 0
        monday_based, length = monthrange(year, month)
        first = (monday_based + 1) % 7
        by_month = self.monthdays
        if self.last_monthday:
            by_month |= 1 << length
        week = (self.weekdays | self.weekdays << 7) >> first & _ALL_WEEKDAYS
        by_week = week * _EACH_WEEK << 1
        for weekday, number in self.nth_weekdays:
            day = 1 + (weekday - first) % 7
            if number == LAST_IN_MONTH:
                day += 28 if day + 28 <= length else 21
            else:
                day += 7 * (number - 1)
            by_week |= 1 << day
        joined = by_month | by_week if self.either else by_month & by_week
        return joined & (2 << length) - 2

    def ever_fire(self) -> bool:
        """Whether any day matches at all. 28 years hold every month of every kind of year."""
        return any(
            self.in_month(year, month) for year in range(2000, 2028) for month in range(1, 13)
        )

    def match(self, day: int) -> bool:
        if self.every_day:
            return True
        on = date.fromordinal(day + _EPOCH_ORDINAL)
        return bool(self.in_month(on.year, on.month) >> on.day & 1)

    def after(self, day: int) -> int:
        """The first matching day after ``day``. Ends, because ``ever_fire`` was checked."""
        if self.every_day:
            return day + 1
        on = date.fromordinal(day + _EPOCH_ORDINAL)
        year, month = on.year, on.month
        found = self.in_month(year, month) >> on.day + 1 << on.day + 1
        while not found:
            year, month = (year, month + 1) if month < 12 else (year + 1, 1)
            found = self.in_month(year, month)
        return _number(year, month, (found & -found).bit_length() - 1)

    def before(self, day: int) -> int | None:
        """The last matching day before ``day``; None when that would lie before 1969."""
        if self.every_day:
            return day - 1
        on = date.fromordinal(day + _EPOCH_ORDINAL)
        year, month = on.year, on.month
        found = self.in_month(year, month) & (1 << on.day) - 1
        while not found:
            year, month = (year, month - 1) if month > 1 else (year - 1, 12)
            if year < _FIRST_YEAR:
                return None
            found = self.in_month(year, month)
        return _number(year, month, found.bit_length() - 1)

    def count(self, start: int, end: int) -> int:
        """How many days match from ``start`` up to but not including ``end``."""
        if end <= start:
            return 0
        if self.every_day:
            return end - start
        first = date.fromordinal(start + _EPOCH_ORDINAL)
        last = date.fromordinal(end - 1 + _EPOCH_ORDINAL)
        total = 0
        for index in range(first.year * 12 + first.month - 1, last.year * 12 + last.month):
            total += self.in_month(index // 12, index % 12 + 1).bit_count()
        early = self.in_month(first.year, first.month) & (1 << first.day) - 1
        late = self.in_month(last.year, last.month) >> last.day + 1
        return total - early.bit_count() - late.bit_count()


def _number(year: int, month: int, day: int) -> int:
    return date(year, month, day).toordinal() - _EPOCH_ORDINAL
