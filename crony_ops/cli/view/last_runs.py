"""The newest record of each job, without reading the records of all its runs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from crony_ops.model.run import GapRecord, RunRecord, read_run

if TYPE_CHECKING:
    from collections.abc import Collection

    from crony_ops.store.client import Etcd
    from crony_ops.store.entry import Entry
    from crony_ops.store.keys import Keys

_READS_AT_ONCE = 64


async def read_last_runs(
    etcd: Etcd, keys: Keys, jobs: Collection[str]
) -> dict[str, RunRecord | GapRecord]:
    """By job id; a job that never ran, or whose record can't be read, is left out.

    Keys come first, and alone: they are in order of time, and the records may be 4 KiB each.
    """
    newest: dict[str, str] = {}
    for entry in (await etcd.range(keys.runs, keys_only=True)).entries:
        job_id = entry.key.removeprefix(keys.runs).partition("/")[0]
        newest[job_id] = entry.key
    turn = asyncio.Semaphore(_READS_AT_ONCE)

    async def read(key: str) -> Entry | None:
        async with turn:
            return await etcd.get(key)

    async with asyncio.TaskGroup() as group:
        reads = {job: group.create_task(read(newest[job])) for job in jobs if job in newest}
    found: dict[str, RunRecord | GapRecord] = {}
    for job_id, task in reads.items():
        record = task.result()
        try:
            if record is not None:
                found[job_id] = read_run(record.value)
        except ValueError:
            continue
    return found
