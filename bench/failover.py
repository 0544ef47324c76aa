"""From the kill -9 of an agent to the first run of its job on another node.

The floor: the TTL of the node's lease, and the half second within which etcd notices its end. The
agent is killed right after it renewed the lease: at any other time it would be less.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

from bench.etcd_server import scratch
from bench.side_by_side import Row, above
from crony_ops.catalog import load_catalog
from crony_ops.local.cluster import TTL, LocalCluster

KILLS = 5
_EXPIRY_TICK = 0.5
_JOB = """\
jobs:
  beat:
    schedule: "* * * * * *"
    timeout: 10s
    shell: echo "$CRONY_NODE $EPOCHREALTIME" >> {file}
"""


async def run() -> AsyncIterator[Row]:
    with scratch() as folder:
        beats = Path(folder, "beats")
        job_file = Path(folder, "beat.yaml")
        await asyncio.to_thread(job_file.write_text, _JOB.format(file=beats))
        async with LocalCluster(Path(folder, "cluster"), nodes=2) as cluster:
            await cluster.sync(load_catalog(job_file))
            taken = [await _fail_over(cluster, beats) for _ in range(KILLS)]
    floor = (TTL + _EXPIRY_TICK,) * KILLS
    yield Row("failover of 1 job after kill -9", tuple(taken), floor, *above(0.5))


async def _fail_over(cluster: LocalCluster, beats: Path) -> float:
    """Kills the agent that ran the job last, and starts it again when the other one runs it."""
    began = time.time()
    await cluster.wait_until(lambda: _last(beats)[1] > began, "the job runs")
    victim = cluster.node(_last(beats)[0])
    looked = time.time()

    async def has_renewed() -> bool:
        return (await cluster.living_nodes())[victim.name].renewed_at > looked

    await cluster.wait_until(has_renewed, f"{victim.name} renews its lease")
    victim.kill()
    killed = time.time()
    await cluster.wait_until(lambda: _last(beats)[0] != victim.name, "the job runs elsewhere")
    first = min(at for name, at in _all(beats) if name != victim.name and at > killed)
    victim.start()

    async def is_back() -> bool:
        found = (await cluster.living_nodes()).get(victim.name)
        return found is not None and found.pid == victim.pid

    await cluster.wait_until(is_back, f"{victim.name} is back")
    return first - killed


def _last(beats: Path) -> tuple[str, float]:
    return max(_all(beats), key=lambda beat: beat[1], default=("", 0.0))


def _all(beats: Path) -> list[tuple[str, float]]:
    """Node and time (unix seconds) of each run."""
    lines = beats.read_text().splitlines() if beats.exists() else []
    return [(name, float(at)) for name, _, at in (line.partition(" ") for line in lines)]
