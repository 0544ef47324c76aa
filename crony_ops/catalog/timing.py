"""Whether a schedule is one, and how close together its ticks are."""

from __future__ import annotations

import re

from crony_ops.catalog.lint import shortest_interval
from crony_ops.errors import BadSchedule
from crony_ops.schedule import parse_schedule
from crony_ops.schedule.zone import load_zone

# An H alone or before ( or /: not the one in THU or @hourly.
_HASHED = re.compile(r"(?<![A-Za-z@])[Hh](?![A-Za-z])")


class Intervals:
    """The shortest interval of each schedule, or why it is none.

    Shared by all files: thousands of jobs have one of a few schedules. One with an ``H`` differs
    from job to job.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, str], int | BadSchedule] = {}
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
        asked = (expression, zone, job_id if _HASHED.search(expression) else "")
        known = self._known.get(asked)
        if known is None:
            try:
                schedule = parse_schedule(expression, timezone=zone, job_id=job_id)
                known = shortest_interval(schedule)
            except BadSchedule as fault:
                known = fault
            self._known[asked] = known
        return known
