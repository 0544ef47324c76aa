"""Whether a schedule is one, how close together its ticks are, and what the clocks do to them."""

from __future__ import annotations

import re
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any

from crony_ops.errors import BadSchedule
from crony_ops.schedule import parse_schedule
from crony_ops.schedule.daylight import changes_between
from crony_ops.schedule.zone import load_zone

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crony_ops.model.job import Job
    from crony_ops.schedule import Schedule
    from crony_ops.schedule.daylight import Change

_TICKS_LOOKED_AT = 12
_YEAR = 366 * 86_400
# A Monday, 00:00 UTC: the answer must not change with the day on which it is asked.
_LOOK_FROM = 1_767_571_200
# An H alone or before ( or /: not the one in THU or @hourly.
_HASHED = re.compile(r"(?<![A-Za-z@])[Hh](?![A-Za-z])")


class Intervals:
    """The shortest interval of each schedule, or why it is none.

    Shared by all files: thousands of jobs have one of a few schedules. One with an ``H`` differs
    from job to job. ``now`` (unix seconds) is where the year begins that is searched for changes
    of the clocks; without it nobody looks for any.
    """

    def __init__(self, now: float | None = None) -> None:
        self._now = now
        self._known: dict[tuple[str, str, str], int | BadSchedule] = {}
        self._changes: dict[tuple[str, str, str], tuple[Change, ...]] = {}
        self._zones: dict[str, BadSchedule | None] = {}

    def zone_fault(self, name: str) -> BadSchedule | None:
        """Why the time zone is none, or None if it is one."""
        if name not in self._zones:
            try:
                load_zone(name)
                self._zones[name] = None
            except BadSchedule as fault:
                self._zones[name] = fault
        return self._zones[name]

    def of(self, expression: str, zone: str, job_id: str) -> int | BadSchedule:
        """Seconds between the two nearest ticks."""
        asked = _asked(expression, zone, job_id)
        known = self._known.get(asked)
        if known is None:
            try:
                schedule = parse_schedule(expression, timezone=zone, job_id=job_id)
                known = _shortest_interval(schedule)
                if self._now is not None:
                    start = int(self._now)
                    self._changes[asked] = tuple(changes_between(schedule, start, start + _YEAR))
            except BadSchedule as fault:
                known = fault
            self._known[asked] = known
        return known

    def changes(self, expression: str, zone: str, job_id: str) -> tuple[Change, ...]:
        """Those of the clocks that concern a schedule which ``of`` was asked for before."""
        return self._changes.get(_asked(expression, zone, job_id), ())

    def of_windows(self, job: Job, job_id: str) -> tuple[int, ...]:
        """Seconds between the two nearest beginnings of each of a sound job's windows."""
        asked = (self.of(window.schedule, job.timezone, job_id) for window in job.maintenance)
        return tuple(seconds for seconds in asked if isinstance(seconds, int))


def window_schedules(written: dict[str, Any]) -> Iterator[tuple[int, str]]:
    """The schedules of a job's windows of maintenance as they are written, sound or not."""
    windows = written.get("maintenance")
    for index, window in enumerate(windows if isinstance(windows, list) else ()):
        begins = window.get("schedule") if isinstance(window, dict) else None
        if isinstance(begins, str):
            yield index, begins


def _asked(expression: str, zone: str, job_id: str) -> tuple[str, str, str]:
    return expression, zone, job_id if _HASHED.search(expression) else ""


def _shortest_interval(schedule: Schedule) -> int:
    """Seconds between the two nearest of a dozen ticks."""
    ticks = islice(schedule.between(_LOOK_FROM, 1 << 62), _TICKS_LOOKED_AT)
    return min(later - earlier for earlier, later in pairwise(ticks))
