"""An agent that holds ten thousand jobs: while none is due, and when all are in the same second.

The floor of its memory: an interpreter that has imported what the agent imports of others. That of
the runs: posix_spawn and wait of the same bash, a tenth of them, and that ten times. An agent keeps
up with as many jobs at each minute's mark if it is through with them in a minute.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncGenerator
from pathlib import Path

from bench.due_at_once import runs_of
from bench.etcd_server import scratch
from bench.lateness import lateness_rows
from bench.load import at_rest, load, resident
from bench.row import Row, above, at_most
from bench.throughput import bare_command, spawn_all
from bench.wishes import IDLE_JOB, assign
from crony_ops.local.cluster import LocalCluster
from crony_ops.model.run import tick_run_id

JOBS, WATCHED_FOR = 10_000, 60.0
_IDS = [f"job-{number:05}" for number in range(JOBS)]
_SETTINGS = {"node": {"ttl": 10}, "watcher": {"ttl": 10}}
_NEEDS = (
    "aiohttp, asyncio, croniter, etcd3.etcdrpc, grpc.aio, prometheus_client, psutil, pydantic, "
    "regex, sqlite3, yaml"
)
_DUE = IDLE_JOB.model_copy(update={"schedule": "* * * * *", "shell": "true"})
_PATIENCE = 180.0
_LOOK_EVERY = 2.0
"""Seconds: to look is work for etcd."""


async def run() -> AsyncGenerator[Row, None]:
    with scratch() as folder:
        async with LocalCluster(Path(folder), nodes=1, overrides=_SETTINGS) as cluster:
            [agent] = cluster.nodes
            await assign(cluster, dict.fromkeys(_IDS, IDLE_JOB), _PATIENCE)
            await at_rest(agent.pid, 5.0)
            memory, floor = resident(agent.pid), await _floor()
            yield Row(
                "memory of an agent with 10,000 idle jobs",
                (memory,),
                (floor,),
                above(40, "MiB"),
                "MiB",
            )
            [idle] = await load([agent.pid], WATCHED_FOR)
            yield Row("its share of a core", (100 * idle.cpu,), (), at_most(1, "%"), "%")
            yield Row("its wake-ups in a second", (idle.wake_ups,), (), None, "")
            command = bare_command(_DUE, Path(folder, "bare"))
            floor = 10 * await asyncio.to_thread(spawn_all, command, JOBS // 10)
            took, late = await _all_at_once(cluster)
            yield Row("10,000 jobs due at a minute's mark", (took,), (floor,), at_most(60))
            for row in lateness_rows("start of 10,000 jobs at a minute, as recorded", late, []):
                yield row


async def _all_at_once(cluster: LocalCluster) -> tuple[float, list[float]]:
    """Of the first minute's mark at which all are due: seconds until the last run has ended, and
    how late each started by the agent's word: right before it makes the process."""
    store, keys = cluster.store, cluster.keys
    await assign(cluster, dict.fromkeys(_IDS, _DUE), _PATIENCE)
    due = (int(time.time()) // 60 + 1) * 60
    theirs = f"/{tick_run_id(due)}"

    async def all_are_recorded() -> bool:
        await asyncio.sleep(_LOOK_EVERY)
        recorded = (await store.range(keys.runs, keys_only=True)).entries
        return sum(entry.key.endswith(theirs) for entry in recorded) == JOBS

    await cluster.wait_until(all_are_recorded, "each run is recorded", 60 + _PATIENCE)
    runs = await runs_of(cluster, due, JOBS)
    late = sorted(run.started_at - due for run in runs if run.started_at is not None)
    return max(run.ended_at for run in runs) - due, late


async def _floor() -> float:
    program = f"import {_NEEDS}; print(flush=True); input()"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    await process.stdout.readline()
    taken = resident(process.pid)
    process.stdin.write(b"\n")
    await process.wait()
    return taken
