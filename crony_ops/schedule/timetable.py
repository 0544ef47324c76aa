"""The ticks of a schedule: which unix seconds, in a zone whose clocks may be put forward and back.

Daylight saving follows Vixie cron. A job at fixed times has each wall time of its schedule once:
times that a spring gap swallows run together at the first instant after the gap, and of an hour
that comes twice in autumn only the first counts. An interval job (``*`` or a step in its hour or
minute field) goes by elapsed time: it fires in both passes of the repeated hour, and a missing
hour is simply missing. The seconds field has no say in this: ``*/10 30 2 * * *`` is a job at 02:30.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import TYPE_CHECKING

from crony_ops.schedule.zone import span_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from zoneinfo import ZoneInfo

    from crony_ops.schedule.wall_calendar import WallCalendar
    from crony_ops.schedule.zone import Span

# No two offsets differ by more than 26 hours: beyond this distance a later wall time is a later
# moment, whatever transitions lie between, and spans without a tick can be leapt over.
_TWO_DAYS = 2 * 86_400
_TICKS_DESCRIBED = 12


class Schedule(ABC):
    """When a job fires. All ticks and arguments are integer unix seconds, UTC, before any splay.

    There is no tick before second 0, and always one more to come. Immutable; equal schedules
    compare equal.
    """

    __slots__ = ()

    @abstractmethod
    def next_after(self, t: int) -> int:
        """The first tick strictly after ``t``."""

    @abstractmethod
    def previous_before(self, t: int) -> int | None:
        """The last tick strictly before ``t``; None if there is none since second 0."""

    @abstractmethod
    def count(self, a: int, b: int) -> int:
        """The number of ticks in (a, b], without walking through them."""

    def newest_at(self, t: int) -> int | None:
        """The last tick at or before ``t``; None if there is none since second 0."""
        return self.previous_before(t + 1)

    def between(self, a: int, b: int) -> Iterator[int]:
        """The ticks in (a, b], ascending, each computed when it is asked for."""
        tick = self.next_after(a)
        while tick <= b:
            yield tick
            tick = self.next_after(tick)

    def between_backwards(self, a: int, b: int) -> Iterator[int]:
        """The ticks in (a, b], newest first, each computed when it is asked for."""
        tick = self.newest_at(b)
        while tick is not None and tick > a:
            yield tick
            tick = self.previous_before(tick)

    def describe_interval(self, t: int) -> str:
        """How far apart the dozen ticks after ``t`` are: "every 10 s", "24 h apart",
        or "24 h to 72 h apart"."""
        first = self.next_after(t)
        ticks = [first, *islice(self.between(first, 1 << 62), _TICKS_DESCRIBED)]
        distances = [later - earlier for earlier, later in pairwise(ticks)]
        shortest, longest = min(distances), max(distances)
        if shortest != longest:
            return f"{_in_words(shortest)} to {_in_words(longest)} apart"
        if shortest < 3600:
            return f"every {_in_words(shortest)}"
        return f"{_in_words(shortest)} apart"


@dataclass(frozen=True, slots=True)
class EverySchedule(Schedule):
    """``@every``: the multiples of ``period`` seconds since the epoch, so that a restart of
    whatever keeps the time does not shift them."""

    period: int

    def next_after(self, t: int) -> int:
        return max(0, (t // self.period + 1) * self.period)

    def previous_before(self, t: int) -> int | None:
        return None if t <= 0 else (t - 1) // self.period * self.period

    def count(self, a: int, b: int) -> int:
        return max(0, b // self.period - max(-1, a // self.period)) if b >= 0 else 0


@dataclass(frozen=True, slots=True)
class CronSchedule(Schedule):
    """A cron expression in a time zone."""

    calendar: WallCalendar
    zone: ZoneInfo

    def next_after(self, t: int) -> int:
        t = max(t, -1)
        span = span_at(self.zone, t + 1)
        while True:
            # A gap's tick comes before all others of the span, at its very start.
            if t < span.start and self.makes_up(span):
                return span.start
            floor = self._first_wall(span)
            wall = self.calendar.after(max(t + span.offset, floor - 1))
            tick = wall - span.offset
            if tick < span.end:
                return tick
            leap = tick - _TWO_DAYS if span.end - t > _TWO_DAYS else span.end
            span = span_at(self.zone, max(span.end, leap))
            t = span.start - 1

    def previous_before(self, t: int) -> int | None:
        while t > 0:
            span = span_at(self.zone, t - 1)
            wall = self.calendar.before(t + span.offset)
            if wall is not None and wall >= self._first_wall(span):
                tick = wall - span.offset
                return tick if tick >= 0 else None
            if self.makes_up(span):
                return span.start if span.start >= 0 else None
            if wall is None:
                return None
            leap = wall - span.offset + _TWO_DAYS if t - span.start > _TWO_DAYS else span.start
            t = min(span.start, leap)
        return None

    def count(self, a: int, b: int) -> int:
        total = 0
        t = max(a, -1)
        while t < b:
            span = span_at(self.zone, t + 1)
            end = min(b + 1, span.end)
            start = max(t + 1 + span.offset, self._first_wall(span))
            total += self.calendar.count(start, end + span.offset)
            if t < span.start and self.makes_up(span):
                # One tick, also where the schedule names that instant itself.
                total += self.calendar.after(span.start + span.offset - 1) != (
                    span.start + span.offset
                )
            t = end - 1
        return total

    def _first_wall(self, span: Span) -> int:
        """The wall time from which on the span's wall times count."""
        start = span.start + span.offset
        return start if self.calendar.by_elapsed_time else max(start, span.seen)

    def makes_up(self, span: Span) -> bool:
        """Whether a fixed time fell into the gap that the span starts after."""
        resumes_at = span.start + span.offset
        if span.seen >= resumes_at or self.calendar.by_elapsed_time:
            return False
        return self.calendar.after(span.seen - 1) < resumes_at


def _in_words(seconds: int) -> str:
    """Exact, in one unit where one will do: "90 s", "5 m", "24 h", "7 d", else "1 h 0 m 5 s".

    A month in which the clocks change is "31 d 1 h", not 745 hours."""
    if seconds % 86_400 == 0 and seconds > 86_400:
        return f"{seconds // 86_400} d"
    if seconds % 3600 == 0:
        days, hours = divmod(seconds // 3600, 24)
        return f"{days} d {hours} h" if days > 2 else f"{seconds // 3600} h"
    if seconds % 60 == 0:
        return f"{seconds // 60} m"
    if seconds < 600:
        return f"{seconds} s"
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours} h {minute} m {second} s" if hours else f"{minute} m {second} s"
