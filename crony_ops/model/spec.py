"""A wanted job as ``sync`` stores it, and a job as the leader assigns it to a node."""

from __future__ import annotations

import hashlib
from typing import Self

from pydantic import Field

from crony_ops.model.job import Job
from crony_ops.model.record import Record
from crony_ops.model.tick import Tick


class Source(Record):
    """Where a job was written: the file as seen from the repository's root, and the commit."""

    file: str
    line: int = 1
    commit: str = ""
    author: str = ""
    dirty: bool = False


class Spec(Record):
    """`/crony/spec/<job_id>`: the wanted job. ``sha256`` covers the job and its presets' sums.

    Two specs with the same sum and file want the same thing: a commit or a line number that
    moved is no change. ``due_from`` (unix seconds): when a sync last changed what it is due by;
    0 if none did.
    """

    job: Job
    preset_sums: dict[str, str] = Field(default_factory=dict)
    sha256: str
    source: Source
    due_from: float = 0.0

    @classmethod
    def of(cls, job: Job, source: Source, preset_sums: dict[str, str]) -> Self:
        canonical = job.model_dump_json(exclude_defaults=True) + "".join(
            f"\n{name} {total}" for name, total in sorted(preset_sums.items())
        )
        return cls(
            job=job,
            preset_sums=preset_sums,
            sha256=hashlib.sha256(canonical.encode()).hexdigest(),
            source=source,
        )


class Assignment(Record):
    """`/crony/job/<node_uuid>/<job_id>`: a job as assigned, the whole of it.

    The key's mod revision is the run's ``CRONY_EPOCH``: it grows with every move and edit.
    ``stands_in_for`` is the uuid of a node that the job left only because its presets were not
    ready there: it goes back when they are. ``leaving``: the node claims no more ticks of it, so
    that it can go when its open runs have ended.
    """

    job: Job
    preset_sums: dict[str, str] = Field(default_factory=dict)
    sha256: str
    spec_revision: int
    assigned_at: float = 0.0
    moved_from: str = ""
    stands_in_for: str = ""
    leaving: bool = False


class Cursor(Record):
    """`/crony/tick/<job_id>`: every tick up to and including ``tick`` is accounted for.

    ``tick`` is in unix seconds and need not be a tick of the schedule itself.
    """

    tick: Tick
