"""How many jobs fire in each hour of the days to come."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from rich.text import Text

from crony_ops.schedule.herd import is_coarse, ticks_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from crony_ops.schedule.herd import Group

_SHADES = ("grey23", "dark_green", "green4", "yellow4", "dark_orange3", "red3")
_QUARTER = 900
# A field of that name hides the class from whoever reads the annotations.
_Date = date


@dataclass(frozen=True, slots=True)
class Day:
    """``hours`` holds the number of firings in each hour on the wall, 24 of them, also where the
    clocks change: what they show twice is added up."""

    date: _Date
    hours: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class HeatMap:
    """``timezone`` is that of all jobs, or UTC where they have several. ``at`` is in unix seconds,
    and nothing before it counts."""

    at: float
    timezone: str
    days: tuple[Day, ...]


def heat_map(
    groups: Mapping[Group, Sequence[str]], timezone: str, now: float, days: int
) -> HeatMap:
    """From ``now`` on, for ``days`` days of which today, half over, is the first. Pure."""
    zone, start = ZoneInfo(timezone), int(now)
    today = datetime.fromtimestamp(now, zone).date()
    cells = _cells(zone, start, today + timedelta(days=days))
    ticks = ticks_of((g for g in groups if is_coarse(g.schedule, start)), start, cells[-1][0])
    counts: Counter[tuple[date, int]] = Counter()
    for (schedule, offset), ids in groups.items():
        own, before = ticks.get(schedule), start
        for last, cell in cells:
            first, until = before - offset, last - offset
            before = last
            if own is None:
                counts[cell] += len(ids) * schedule.count(first, until)
            else:
                counts[cell] += len(ids) * (bisect_right(own, until) - bisect_right(own, first))
    return HeatMap(
        now,
        timezone,
        tuple(
            Day(day, tuple(counts[day, hour] for hour in range(24)))
            for day in (today + timedelta(days=number) for number in range(days))
        ),
    )


def _cells(zone: ZoneInfo, start: int, until: date) -> list[tuple[int, tuple[date, int]]]:
    """The hours on the wall after ``start`` and before the day ``until``, each with its last
    second."""
    cells: list[tuple[int, tuple[date, int]]] = []
    begin = start + 1
    while (wall := datetime.fromtimestamp(begin, zone)).date() < until:
        # Clocks change at a full quarter of an hour, whatever the zone.
        end = begin - begin % _QUARTER + _QUARTER
        cell = (wall.date(), wall.hour)
        if cells and cells[-1][1] == cell:
            cells.pop()
        cells.append((end - 1, cell))
        begin = end
    return cells


def print_heat_map(console: Console, found: HeatMap) -> None:
    """A row for each day: on a terminal the fuller hours are the redder ones."""
    most = max((count for day in found.days for count in day.hours), default=0)
    width = max(len(_short(most)), 2)
    head = " ".join(f"{hour:>{width}}" for hour in range(24))
    console.print(f"{'firings an hour':<15} {head}   {found.timezone}", soft_wrap=True)
    for day in found.days:
        line = Text(f"{day.date:%a %Y-%m-%d}  ")
        for count in day.hours:
            shade = _SHADES[min(len(_SHADES) * count // (most + 1), len(_SHADES) - 1)]
            cell = f"{_short(count) if count else '.':>{width}}"
            line.append(" ").append(cell, style=f"white on {shade}" if count else "dim")
        console.print(line, soft_wrap=True)


def _short(count: int) -> str:
    """In four characters at most, so that 24 hours fit into a row: 850, 1.2k, 36k."""
    if count < 1000:
        return str(count)
    return f"{count / 1000:.1f}k" if count < 9950 else f"{round(count / 1000)}k"
