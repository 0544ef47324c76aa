"""What a sync would do: the wanted jobs against the stored ones. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from itertools import chain
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from crony_ops.errors import BadSchedule
from crony_ops.schedule import parse_schedule
from crony_ops.sync.fields import FieldChange, changed_fields

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from crony_ops.model.job import Job
    from crony_ops.model.spec import Spec
    from crony_ops.sync.stored import StoredSpec

TICKS_SHOWN = 3


class Action(StrEnum):
    add = "add"
    change = "change"
    remove = "remove"


@dataclass(frozen=True, slots=True)
class Outlook:
    """The next ticks (unix seconds, before splay), in the job's own zone, and their distance."""

    ticks: tuple[int, ...]
    timezone: str
    interval: str

    @property
    def moments(self) -> tuple[datetime, ...]:
        zone = ZoneInfo(self.timezone)
        return tuple(datetime.fromtimestamp(tick, UTC).astimezone(zone) for tick in self.ticks)


@dataclass(frozen=True, slots=True)
class JobChange:
    """One job that is not as the files want it.

    ``revision`` is the stored spec's, 0 for none. ``wanted`` is None for a removal, ``stored`` for
    an addition and for a spec that can't be read. ``holders`` are the names of the nodes that hold
    a job which is to be removed.
    """

    action: Action
    job_id: str
    revision: int
    wanted: Spec | None = None
    stored: Spec | None = None
    fields: tuple[FieldChange, ...] = ()
    outlook: Outlook | None = None
    holders: tuple[str, ...] = ()

    @property
    def unreadable(self) -> bool:
        """Whether etcd holds a value under the job's name that is no spec."""
        return self.revision > 0 and self.stored is None

    @property
    def spec(self) -> Spec | None:
        return self.wanted or self.stored


@dataclass(frozen=True, slots=True, repr=False)
class Plan:
    """All changes, each kind in the order of job ids.

    ``kept`` are jobs that are in no file and stay all the same, because nothing is to be pruned.
    ``digest`` stands for the whole of what is wanted: same digest, same jobs.

    There is no repr of it all: asyncio.run makes one of whatever it returns, to throw it away.
    """

    added: tuple[JobChange, ...]
    changed: tuple[JobChange, ...]
    removed: tuple[JobChange, ...]
    unchanged: int
    kept: tuple[str, ...]
    digest: str

    def __iter__(self) -> Iterator[JobChange]:
        return chain(self.added, self.changed, self.removed)

    def __len__(self) -> int:
        return len(self.added) + len(self.changed) + len(self.removed)

    @property
    def wanted(self) -> int:
        return len(self.added) + len(self.changed) + self.unchanged


def make_plan(
    wanted: Mapping[str, Spec], stored: Mapping[str, StoredSpec], *, prune: bool = True
) -> Plan:
    """Two specs are equal when sum and file agree: a commit or a line that moved is no change."""
    added, changed, unchanged = [], [], 0
    for job_id in sorted(wanted):
        spec = wanted[job_id]
        held = stored.get(job_id)
        if held is None:
            added.append(JobChange(Action.add, job_id, 0, wanted=spec))
        elif held.sha256 == spec.sha256 and held.file == spec.source.file:
            unchanged += 1
        else:
            changed.append(_change(job_id, spec, held))
    gone = sorted(stored.keys() - wanted.keys())
    return Plan(
        added=tuple(added),
        changed=tuple(changed),
        removed=tuple(
            JobChange(Action.remove, job_id, stored[job_id].revision, stored=stored[job_id].read())
            for job_id in (gone if prune else ())
        ),
        unchanged=unchanged,
        kept=() if prune else tuple(gone),
        digest=digest_of(wanted),
    )


def _change(job_id: str, spec: Spec, held: StoredSpec) -> JobChange:
    old = held.read()
    return JobChange(
        Action.change,
        job_id,
        held.revision,
        wanted=spec,
        stored=old,
        fields=changed_fields(old, spec) if old else (),
    )


def digest_of(wanted: Mapping[str, Spec]) -> str:
    """sha256 over all ids and sums."""
    lines = "".join(f"{job_id} {wanted[job_id].sha256}\n" for job_id in sorted(wanted))
    return hashlib.sha256(lines.encode()).hexdigest()


def with_outlook(plan: Plan, now: float) -> Plan:
    """The same plan, each job with its next ticks after ``now`` (unix seconds).

    Kept apart from the making of a plan, because computing ticks costs more than all the rest.
    """

    def seen(changes: tuple[JobChange, ...]) -> tuple[JobChange, ...]:
        return tuple(replace(change, outlook=_outlook(change, int(now))) for change in changes)

    return replace(
        plan, added=seen(plan.added), changed=seen(plan.changed), removed=seen(plan.removed)
    )


def _outlook(change: JobChange, now: int) -> Outlook | None:
    """None for a stored job whose schedule this version can't read."""
    if change.spec is None:
        return None
    job: Job = change.spec.job
    try:
        schedule = parse_schedule(job.schedule, timezone=job.timezone, job_id=change.job_id)
    except BadSchedule:
        return None
    ticks, tick = [], now
    for _ in range(TICKS_SHOWN):
        tick = schedule.next_after(tick)
        ticks.append(tick)
    return Outlook(tuple(ticks), job.timezone, schedule.describe_interval(now))


def with_holders(plan: Plan, holders: Mapping[str, tuple[str, ...]]) -> Plan:
    """The same plan, each removal with the names of the nodes that hold the job."""
    removed = tuple(replace(c, holders=holders.get(c.job_id, ())) for c in plan.removed)
    return replace(plan, removed=removed)
