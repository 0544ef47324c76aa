"""The seconds in which many jobs fire together. Pure.

Jobs that fire more than once a minute are left out: they are in every herd, and nobody would
spread them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from crony_ops.schedule import Schedule, parse_schedule, splay_offset

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from crony_ops.model.job import Job

FINEST = 60
"""Seconds between the ticks of the busiest jobs that are counted."""
_DRAWN_BITS, _SUM_BITS = 64, 96


class Herd(NamedTuple):
    """The ids of jobs that fire in one second, sorted; ``at`` is the first such unix second, splay
    included, and ``times`` how many there are in the time that was looked at."""

    at: int
    jobs: tuple[str, ...]
    times: int = 1


class Group(NamedTuple):
    """Jobs that always fire together: at each tick of a schedule, ``offset`` seconds after it."""

    schedule: Schedule
    offset: int


def groups_of(jobs: Mapping[str, Job]) -> dict[Group, list[str]]:
    """The ids of each group's jobs. Jobs that are written alike are read once. Raises
    BadSchedule."""
    read: dict[tuple[str, str, str], Schedule] = {}
    groups: dict[Group, list[str]] = defaultdict(list)
    for job_id, job in jobs.items():
        # The id has a say where there is an H. A few more words have one, and are read for nothing.
        written = (job.schedule, job.timezone, job_id if "h" in job.schedule.lower() else "")
        if written not in read:
            read[written] = parse_schedule(job.schedule, timezone=job.timezone, job_id=job_id)
        groups[Group(read[written], splay_offset(job_id, job.splay))].append(job_id)
    return groups


def herds(groups: Mapping[Group, Sequence[str]], start: int, end: int, *, most: int) -> list[Herd]:
    """The ``most`` largest herds of two jobs or more in (start, end], the largest first.

    Jobs that fire together again and again are one herd.
    """
    counted = {group: ids for group, ids in groups.items() if is_coarse(group.schedule, start)}
    ticks = ticks_of(counted, start, end)
    # Of each second the number of its jobs, and below that a sum that tells their groups: each
    # adds a number drawn for it. Seconds with the same total have the same jobs.
    draw = Random(0)
    totals: dict[int, int] = defaultdict(int)
    for (schedule, offset), ids in counted.items():
        own, share = ticks[schedule], (len(ids) << _SUM_BITS) + draw.getrandbits(_DRAWN_BITS)
        first, last = bisect_right(own, start - offset), bisect_right(own, end - offset)
        for tick in own[first:last]:
            totals[tick + offset] += share
    alike: dict[int, list[int]] = defaultdict(list)
    for at, total in totals.items():
        alike[total].append(at)
    seconds = sorted((-(total >> _SUM_BITS), min(ats), len(ats)) for total, ats in alike.items())
    return [
        Herd(at, tuple(sorted(_at(counted, at))), times)
        for size, at, times in seconds[:most]
        if size < -1
    ]


def ticks_of(groups: Iterable[Group], start: int, end: int) -> dict[Schedule, list[int]]:
    """All ticks that can make one of the groups fire in (start, end], ascending.

    Computing a tick costs far more than adding to it: each schedule is walked through once.
    """
    farthest: dict[Schedule, int] = {}
    for schedule, offset in groups:
        farthest[schedule] = max(offset, farthest.get(schedule, 0))
    return {
        schedule: list(schedule.between(start - offset, end))
        for schedule, offset in farthest.items()
    }


def is_coarse(schedule: Schedule, start: int) -> bool:
    """Whether its ticks are a minute apart at least, by the first few after ``start``."""
    first = schedule.next_after(start)
    ticks = [first]
    for _ in range(2):
        ticks.append(schedule.next_after(ticks[-1]))
    return min(later - earlier for earlier, later in pairwise(ticks)) >= FINEST


def _at(groups: Mapping[Group, Sequence[str]], at: int) -> list[str]:
    found: list[str] = []
    for group, ids in groups.items():
        tick = at - group.offset
        if group.schedule.count(tick - 1, tick):
            found += ids
    return found
