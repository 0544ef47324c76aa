"""What a change of the clocks does to a job's ticks: which are moved, and which wall times repeat.

A job at fixed times only has something to fear from it; an interval job keeps to elapsed time.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from crony_ops.schedule.timetable import CronSchedule
from crony_ops.schedule.zone import span_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crony_ops.schedule.timetable import Schedule

# No overlap is longer (a country that crosses the date line repeats a day).
_LONGEST_OVERLAP = 26 * 3600


class Daylight(StrEnum):
    """``gap``: its wall time is missing that day, and it fires right after the gap. ``first`` and
    ``second``: which pass it is of a wall time that comes twice."""

    gap = "gap"
    first = "first"
    second = "second"


class Change(NamedTuple):
    """A change of the clocks that concerns a schedule. ``wall`` is the wall time that is missing
    or comes twice (a unix second as if in UTC), ``tick`` when the job fires instead or first."""

    kind: Daylight
    wall: int
    tick: int


def daylight_at(schedule: Schedule, tick: int) -> Daylight | None:
    """What is odd about a ``tick`` of the schedule, None for nearly all of them."""
    if not isinstance(schedule, CronSchedule):
        return None
    span = span_at(schedule.zone, tick)
    wall = tick + span.offset
    if tick == span.start and schedule.makes_up(span):
        return Daylight.gap
    if wall < span.seen:
        return Daylight.second
    if span.end - tick > _LONGEST_OVERLAP:
        return None
    following = span_at(schedule.zone, span.end)
    return Daylight.first if following.start + following.offset <= wall < following.seen else None


def changes_between(schedule: Schedule, start: int, end: int) -> Iterator[Change]:
    """The changes in (start, end] that move a tick of a job at fixed times, or spare it the
    second pass of its wall time."""
    if not isinstance(schedule, CronSchedule) or schedule.calendar.by_elapsed_time:
        return
    span = span_at(schedule.zone, start)
    while span.end <= end:
        before, span = span, span_at(schedule.zone, span.end)
        resumes = span.start + span.offset
        if schedule.makes_up(span):
            yield Change(Daylight.gap, schedule.calendar.after(span.seen - 1), span.start)
        elif span.seen > resumes:
            wall = schedule.calendar.after(resumes - 1)
            if wall < span.seen:
                yield Change(Daylight.first, wall, wall - before.offset)
