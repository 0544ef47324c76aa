"""All that is known of one job: read at one revision."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from crony_ops.cli.view.job_rows import JobRow, job_rows
from crony_ops.cli.view.lookup import unknown
from crony_ops.model.run import GapRecord, OpenRun, QueuedRun, RunRecord, read_run
from crony_ops.model.spec import Assignment, Cursor, Spec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from crony_ops.cli.view.cluster_view import ClusterView
    from crony_ops.model.cluster import Health
    from crony_ops.model.node import Pause
    from crony_ops.store.client import Etcd
    from crony_ops.store.keys import Keys

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Holder:
    """A node that holds the job. ``up_to_date``: it was given the job as it is wanted now.
    ``epoch`` is what a run there sees as CRONY_EPOCH."""

    node: str
    uuid: str
    alive: bool
    up_to_date: bool
    epoch: int
    assignment: Assignment


@dataclass(frozen=True, slots=True)
class JobStory:
    """``cursors`` go by the node's name, or by an empty one for a job with a single cursor.
    ``ordered`` is the node asked to run the job now, empty for any, None without such an order.
    ``runs`` are the newest first."""

    row: JobRow
    spec: Spec
    holders: tuple[Holder, ...]
    cursors: dict[str, int]
    ordered: str | None
    queue: tuple[QueuedRun, ...]
    open: tuple[OpenRun, ...]
    pause: Pause | None
    health: Health | None
    runs: tuple[RunRecord | GapRecord, ...]


async def read_story(
    etcd: Etcd, keys: Keys, view: ClusterView, job_id: str, now: float
) -> JobStory:
    """Raises UnknownName, or StoreError. What can't be read as a record is left out."""
    if job_id not in view.specs:
        raise unknown("job", job_id, view.specs)
    cursor, once = keys.cursor(job_id), keys.once(job_id)
    assigned = [keys.job(node, job_id) for node in view.assigned.get(job_id, ())]
    opened = [keys.open(*run) for run in view.opens if run.job_id == job_id]
    prefixes = (cursor, once, keys.queue_of(job_id), keys.runs_of(job_id), *assigned, *opened)
    async with asyncio.TaskGroup() as group:
        reads = {
            prefix: group.create_task(etcd.range(prefix, revision=view.revision))
            for prefix in prefixes
        }
    found = {prefix: read.result().entries for prefix, read in reads.items()}
    spec = view.specs[job_id]
    runs = _readable(read_run, [e.value for e in found[keys.runs_of(job_id)]])
    runs.reverse()
    holders = []
    for node in view.assigned.get(job_id, ()):
        key = keys.job(node, job_id)
        for entry in found[key]:
            if entry.key != key:
                continue
            holders += [
                Holder(
                    node=view.name_of(node),
                    uuid=node,
                    alive=node in view.alive,
                    up_to_date=assignment.sha256 == spec.sha256,
                    epoch=entry.mod_revision,
                    assignment=assignment,
                )
                for assignment in _readable(Assignment.from_json, [entry.value])
            ]
    last = {job_id: runs[0]} if runs else {}
    return JobStory(
        row=job_rows(view, last, [job_id], now)[0],
        spec=spec,
        holders=tuple(holders),
        cursors={
            view.name_of(e.key.removeprefix(cursor).removeprefix("/")): c.tick
            for e in found[cursor]
            if e.key == cursor or e.key.startswith(f"{cursor}/")
            for c in _readable(Cursor.from_json, [e.value])
        },
        ordered=next(
            (view.name_of(e.value.decode(errors="replace")) for e in found[once] if e.key == once),
            None,
        ),
        queue=tuple(
            _readable(QueuedRun.from_json, [e.value for e in found[keys.queue_of(job_id)]])
        ),
        open=tuple(
            record
            for key in opened
            for record in _readable(
                OpenRun.from_json, [e.value for e in found[key] if e.key == key]
            )
        ),
        pause=view.pauses.get(job_id),
        health=view.healths.get(job_id),
        runs=tuple(runs),
    )


def _readable(read: Callable[[bytes], T], values: Iterable[bytes]) -> list[T]:
    found = []
    for value in values:
        try:
            found.append(read(value))
        except ValueError:
            continue
    return found
