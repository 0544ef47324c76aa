"""A cron expression as a set of wall times, with no zone yet.

A wall time is the reading of a clock on the wall, as the unix second that has the same reading in
UTC: 86,400 to every day, no gap and no repeat. ``timetable`` lays it over the offsets of a zone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crony_ops.schedule.days import Days
    from crony_ops.schedule.times_of_day import TimesOfDay

_DAY = 86_400


@dataclass(frozen=True, slots=True)
class WallCalendar:
    """``by_elapsed_time``: this is an interval job, which DST neither makes up nor spares a run."""

    days: Days
    times: TimesOfDay
    by_elapsed_time: bool

    def after(self, wall: int) -> int:
        """The first wall time strictly after ``wall``."""
        day, time = divmod(wall, _DAY)
        if self.days.match(day):
            later = self.times.after(time)
            if later is not None:
                return day * _DAY + later
        return self.days.after(day) * _DAY + self.times.first

    def before(self, wall: int) -> int | None:
        """The last wall time strictly before ``wall``; None when that would lie before 1969."""
        day, time = divmod(wall, _DAY)
        if self.days.match(day):
            earlier = self.times.before(time)
            if earlier is not None:
                return day * _DAY + earlier
        found = self.days.before(day)
        return None if found is None else found * _DAY + self.times.last

    def count(self, start: int, end: int) -> int:
        """How many wall times lie from ``start`` up to but not including ``end``."""
        if end <= start:
            return 0
        first_day, first_time = divmod(start, _DAY)
        last_day, last_time = divmod(end, _DAY)
        total = self.days.count(first_day, last_day) * self.times.total
        if self.days.match(first_day):
            total -= self.times.rank(first_time)
        if self.days.match(last_day):
            total += self.times.rank(last_time)
        return total
