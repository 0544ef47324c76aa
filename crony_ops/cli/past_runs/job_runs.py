"""What etcd keeps of a job's runs: the newest records, and what is under way."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crony_ops.cli.view.lookup import unknown
from crony_ops.errors import BadSchedule
from crony_ops.model.node import Node, Roster
from crony_ops.model.run import GapRecord, OpenRun, RunRecord, read_run
from crony_ops.model.spec import Spec
from crony_ops.schedule.zone import load_zone
from crony_ops.store.keys import Keys

if TYPE_CHECKING:
    from crony_ops.store.client import Etcd
    from crony_ops.store.entry import Entry
    from crony_ops.store.settings import EtcdSettings


@dataclass(frozen=True, slots=True)
class JobRuns:
    """At one revision. ``records`` are the newest first, ``open`` the oldest first. ``timezone`` is
    the job's own, UTC where its spec is gone or names none that is known. ``names`` has the nodes
    of ``open``, by uuid. ``unreadable`` names keys whose values are no such record."""

    job_id: str
    timezone: str
    records: tuple[RunRecord | GapRecord, ...]
    open: tuple[OpenRun, ...]
    names: dict[str, str]
    unreadable: tuple[str, ...]

    @property
    def ended(self) -> tuple[RunRecord, ...]:
        """Without the gaps, the newest first."""
        return tuple(record for record in self.records if isinstance(record, RunRecord))


def look_at_runs(settings: EtcdSettings, job_id: str) -> JobRuns:
    """Connect, read and disconnect. Raises UnknownName and StoreError."""

    async def read() -> JobRuns:
        from crony_ops.store.client import Etcd

        async with Etcd(settings) as etcd:
            return await read_runs(etcd, Keys(settings.prefix), job_id)

    return asyncio.run(read())


async def read_runs(etcd: Etcd, keys: Keys, job_id: str) -> JobRuns:
    """Also of a job that is not wanted any more, while a record of it is kept.

    Raises UnknownName, or StoreError.
    """
    records = await etcd.range(keys.runs_of(job_id))
    at = records.revision
    async with asyncio.TaskGroup() as group:
        specs = group.create_task(etcd.range(keys.spec(job_id), revision=at))
        opens = group.create_task(etcd.range(keys.opens, keys_only=True, revision=at))
    wanted = next((e for e in specs.result().entries if e.key == keys.spec(job_id)), None)
    if wanted is None and not records.entries:
        prefix = keys.specs
        known = (await etcd.range(prefix, keys_only=True)).entries
        raise unknown("job", job_id, [entry.key.removeprefix(prefix) for entry in known])
    mine = [e.key for e in opens.result().entries if f"/{job_id}/" in e.key]
    nodes = {key.removeprefix(keys.opens).partition("/")[0] for key in mine}
    async with asyncio.TaskGroup() as group:
        under_way = [group.create_task(etcd.range(key, revision=at)) for key in mine]
        named = [
            group.create_task(etcd.range(key, revision=at))
            for node in nodes
            for key in (keys.roster(node), keys.node(node))
        ]
    runs = [entry for read in under_way for entry in read.result().entries]
    return runs_of(
        job_id, keys, wanted, records.entries, runs, [e for r in named for e in r.result().entries]
    )


def runs_of(
    job_id: str,
    keys: Keys,
    wanted: Entry | None,
    records: list[Entry],
    under_way: list[Entry],
    nodes: list[Entry],
) -> JobRuns:
    """What the entries say. Pure."""
    unreadable: list[str] = []
    found: list[RunRecord | GapRecord] = []
    for entry in reversed(records):
        try:
            found.append(read_run(entry.value))
        except ValueError:
            unreadable.append(entry.key)
    opened: list[OpenRun] = []
    for entry in under_way:
        try:
            opened.append(OpenRun.from_json(entry.value))
        except ValueError:
            unreadable.append(entry.key)
    timezone = "UTC"
    if wanted is not None:
        try:
            timezone = load_zone(Spec.from_json(wanted.value).job.timezone).key
        except (ValueError, BadSchedule):
            unreadable.append(wanted.key)
    names: dict[str, str] = {}
    for entry in nodes:
        try:
            known = entry.key.startswith(keys.rosters)
            node = Roster.from_json(entry.value).node if known else Node.from_json(entry.value)
            names[node.uuid] = node.name
        except ValueError:
            unreadable.append(entry.key)
    return JobRuns(
        job_id=job_id,
        timezone=timezone,
        records=tuple(found),
        open=tuple(sorted(opened, key=lambda run: run.run_id)),
        names=names,
        unreadable=tuple(unreadable),
    )
