"""A plan as a document for machines. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from crony_ops.sync.fields import FieldChange  # noqa: TC001 - read for the schema

if TYPE_CHECKING:
    from crony_ops.sync.plan import JobChange, Plan


@dataclass(frozen=True, slots=True)
class AddedJob:
    """``file``, ``line``: where it is written. ``interval`` says in words how far its ticks are
    apart, ``next`` are the next ones in ISO 8601, with the offset of the job's zone; None and empty
    where this version can't read the schedule."""

    job: str
    file: str
    line: int
    interval: str | None
    next: list[str]


@dataclass(frozen=True, slots=True)
class ChangedJob(AddedJob):
    """As for one added, with what differs. ``unreadable``: what is stored is no job that this
    version can read, and ``fields`` is empty."""

    unreadable: bool
    fields: tuple[FieldChange, ...]


@dataclass(frozen=True, slots=True)
class RemovedJob:
    """``file``, ``line``: where it was written; None with ``interval`` where what is stored can't
    be read. ``nodes`` are the names of those that hold it."""

    job: str
    file: str | None
    line: int | None
    interval: str | None
    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """Each kind in the order of job ids. ``unchanged`` counts jobs; ``kept`` are those in no file
    that stay all the same. ``digest`` stands for the whole of what is wanted."""

    added: list[AddedJob]
    changed: list[ChangedJob]
    removed: list[RemovedJob]
    unchanged: int
    kept: tuple[str, ...]
    digest: str

    @classmethod
    def of(cls, plan: Plan, **more: Any) -> Self:
        """``more`` are the fields that a subclass has beside these."""
        return cls(
            added=[AddedJob(**_wanted(change)) for change in plan.added],
            changed=[
                ChangedJob(**_wanted(change), unreadable=change.unreadable, fields=change.fields)
                for change in plan.changed
            ],
            removed=[_removed(change) for change in plan.removed],
            unchanged=plan.unchanged,
            kept=plan.kept,
            digest=plan.digest,
            **more,
        )


def _wanted(change: JobChange) -> dict[str, Any]:
    assert change.spec is not None  # only a removal may be without
    outlook = change.outlook
    return {
        "job": change.job_id,
        "file": change.spec.source.file,
        "line": change.spec.source.line,
        "interval": outlook.interval if outlook else None,
        "next": [moment.isoformat() for moment in outlook.moments] if outlook else [],
    }


def _removed(change: JobChange) -> RemovedJob:
    return RemovedJob(
        job=change.job_id,
        file=change.spec.source.file if change.spec else None,
        line=change.spec.source.line if change.spec else None,
        interval=change.outlook.interval if change.outlook else None,
        nodes=change.holders,
    )
