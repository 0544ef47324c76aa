"""What `jobs JOB` prints for machines: the job's row in the list, and all else of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated

from pydantic import WrapSerializer

from crony_ops.cli.view.job_rows import JobRow
from crony_ops.model.cluster import Health  # noqa: TC001 - read for the schema
from crony_ops.model.hiding import shown_job
from crony_ops.model.job import Job  # noqa: TC001 - as above
from crony_ops.model.node import Pause  # noqa: TC001 - read for the schema
from crony_ops.model.run import GapRecord, OpenRun, QueuedRun, RunRecord  # noqa: TC001 - as above
from crony_ops.model.spec import Spec

if TYPE_CHECKING:
    from crony_ops.cli.view.job_story import JobStory


class ShownSpec(Spec):
    """The wanted job, without what sounds secret."""

    # No function with a return type: the schema is to be that of a job.
    job: Annotated[Job, WrapSerializer(lambda job, data_of: shown_job(data_of(job)))]


@dataclass(frozen=True, slots=True)
class HolderPart:
    """A node, by name and uuid, that holds the job. ``up_to_date``: it was given the job as it is
    wanted now. ``epoch`` is what a run there sees as CRONY_EPOCH. ``assigned_at`` is in unix
    seconds, ``moved_from`` a uuid, empty where it came from no node."""

    node: str
    uuid: str
    alive: bool
    up_to_date: bool
    epoch: int
    assigned_at: float
    moved_from: str


@dataclass(frozen=True, slots=True)
class JobDocument(JobRow):
    """``at`` is in unix seconds. The records are as in etcd, with every field spelled out; in the
    spec, what sounds secret is hidden. ``cursors`` (unix seconds) go by the node's name, or by an
    empty one for a job with a single cursor. ``ordered`` is the node asked to run the job now,
    empty for any, None without such an order. ``runs`` are the newest first."""

    at: float
    spec: ShownSpec
    holders: tuple[HolderPart, ...]
    cursors: dict[str, int]
    ordered: str | None
    queue: tuple[QueuedRun, ...]
    open: tuple[OpenRun, ...]
    pause: Pause | None
    health: Health | None
    runs: tuple[RunRecord | GapRecord, ...]


def job_document(story: JobStory, now: float) -> JobDocument:
    """``now`` is in unix seconds."""
    return JobDocument(
        **{field.name: getattr(story.row, field.name) for field in fields(JobRow)},
        at=now,
        spec=ShownSpec(**dict(story.spec)),
        holders=tuple(
            HolderPart(
                node=holder.node,
                uuid=holder.uuid,
                alive=holder.alive,
                up_to_date=holder.up_to_date,
                epoch=holder.epoch,
                assigned_at=holder.assignment.assigned_at,
                moved_from=holder.assignment.moved_from,
            )
            for holder in story.holders
        ),
        cursors=story.cursors,
        ordered=story.ordered,
        queue=story.queue,
        open=story.open,
        pause=story.pause,
        health=story.health,
        runs=story.runs,
    )
