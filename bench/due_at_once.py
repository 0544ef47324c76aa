"""A thousand jobs that are due in one second, on one node: claimed, started, ended, recorded.

From when the first may be claimed, a tenth of a second before theirs, to when etcd has the record
of the last one's end. The floor: posix_spawn and wait of the same bash, a thousand times.

The jobs are due every twenty seconds, and the floor is measured in what is left of these.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path

from bench.etcd_server import scratch
from bench.load import cpu_seconds
from bench.row import Row, times
from bench.throughput import bare_command, spawn_all
from bench.wishes import assign
from crony_ops.local.cluster import LocalCluster
from crony_ops.model.job import Job
from crony_ops.model.run import RunRecord, RunState, read_run, tick_run_id

JOBS, PAIRS = 1_000, 3
_EVERY, _CLAIM_AHEAD = 20, 0.1
_SETTINGS: Mapping[str, Mapping[str, float]] = {
    "node": {"ttl": 10, "claim_ahead": _CLAIM_AHEAD},
    "watcher": {"ttl": 10},
}
_LONGEST = 60.0


async def run() -> AsyncGenerator[Row, None]:
    job = Job(schedule=f"*/{_EVERY} * * * * *", shell="true")
    with scratch() as folder:
        async with LocalCluster(Path(folder), nodes=1, overrides=_SETTINGS) as cluster:
            command = bare_command(job, Path(folder, "bare"))
            # Their first ticks are over, or far enough ahead, when all have a node.
            await assign(cluster, {f"due-{number}": job for number in range(JOBS)})
            [agent] = cluster.nodes
            await _a_tick(cluster)  # does not count: all files and folders are made
            rounds = []
            for _ in range(PAIRS):
                before = cpu_seconds(agent.pid)
                took = await _a_tick(cluster)
                floor = await asyncio.to_thread(spawn_all, command, JOBS)
                rounds.append((took, floor, cpu_seconds(agent.pid) - before))
    ours, floors, cpu = zip(*rounds, strict=True)
    yield Row("1,000 jobs due in one second", ours, floors, times(1.5))
    yield Row("the agent's own CPU for them", cpu, (), None)


async def _a_tick(cluster: LocalCluster) -> float:
    """Waits for the next one, and gives what it took. Raises RuntimeError if a run failed."""
    keys, store = cluster.keys, cluster.store

    async def all_have_ended() -> bool:
        return await store.count(keys.opens) == 0

    await cluster.wait_until(all_have_ended, "no run is under way", _LONGEST)
    recorded = await store.count(keys.runs)
    due = (int(time.time() + _CLAIM_AHEAD) // _EVERY + 1) * _EVERY
    await asyncio.sleep(due - _CLAIM_AHEAD - time.time())

    async def all_are_recorded() -> bool:
        return await store.count(keys.runs) >= recorded + JOBS

    await cluster.wait_until(all_are_recorded, "the end of each run is recorded", _LONGEST)
    took = time.time() - (due - _CLAIM_AHEAD)
    await runs_of(cluster, due, JOBS)
    return took


async def runs_of(cluster: LocalCluster, tick: int, count: int) -> list[RunRecord]:
    """That many jobs' runs of a tick. Raises RuntimeError unless all of them succeeded: a skipped
    or failed one costs less."""
    found = (await cluster.store.range(cluster.keys.runs)).entries
    theirs = (read_run(each.value) for each in found if each.key.endswith(f"/{tick_run_id(tick)}"))
    runs = [run for run in theirs if isinstance(run, RunRecord) and run.state is RunState.succeeded]
    if len(runs) != count:
        raise RuntimeError(f"{len(runs)} of {count} runs succeeded")
    return runs
