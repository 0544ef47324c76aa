"""Herds that nobody has spread: many jobs in one second, with neither an H nor a splay. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from crony_ops.schedule.herd import Herd, groups_of, herds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from crony_ops.model.job import Job

HERD = 50
"""So many jobs in one second nobody minds."""
# A Monday, 00:00 UTC: whether there is a warning must not change with the day.
_LOOK_FROM = 1_767_571_200
_DAY = 86_400
_NAMED = 3


def unspread_herds(jobs: Mapping[str, Job], most: int) -> Iterator[Herd]:
    """Herds of more than ``most`` jobs that nobody has spread by an ``H`` or a splay: the fullest
    of a day, and those of jobs that fire more seldom."""
    unspread = {i: job for i, job in jobs.items() if not job.splay and not _hashed(job.schedule)}
    if len(unspread) <= most:
        return
    groups = groups_of(unspread)
    end = _LOOK_FROM + _DAY
    daily = {}
    for group, ids in groups.items():
        tick = group.schedule.next_after(_LOOK_FROM)
        if tick <= end:
            daily[group] = ids
        elif len(ids) > most:
            yield Herd(tick, tuple(sorted(ids)))
    for herd in herds(daily, _LOOK_FROM, end, most=1):
        if len(herd.jobs) > most:
            yield herd


def herd_words(herd: Herd) -> tuple[str, str]:
    """What is wrong with it, and how to mend that."""
    at = datetime.fromtimestamp(herd.at, UTC)
    named = ", ".join(herd.jobs[:_NAMED])
    what = f"{len(herd.jobs):,} jobs fire in one second, such as {at:%H:%M:%S} UTC: {named}, …"
    return what, "write `H` for a minute that differs from job to job, or give them a `splay`"


def _hashed(schedule: str) -> bool:
    return any(field.startswith("h") or ",h" in field for field in schedule.lower().split())
