"""From the end of an agent to the first run of its job on another node.

The floor: the TTL of the node's lease, and the half second within which etcd notices its end. An
agent is killed right after it renewed its lease: at any other time it would be less. One that is
stopped keeps its lease, too, so that a restart moves nothing.

Thirty kills, five at once: each victim has a job of its own, and those that are left take it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.etcd_server import scratch
from bench.row import Row, above
from bench.wishes import assign
from crony_ops.local.cluster import LocalCluster
from crony_ops.model.job import Job

if TYPE_CHECKING:
    from crony_ops.local.child import Child

KILLS, STOPS, AT_ONCE = 30, 5, 5
TTL = 5
_EXPIRY_TICK = 0.5
_NODES = 2 * AT_ONCE
_PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class _Beats:
    """What a job writes at each run: the node, and the time (unix seconds)."""

    file: Path

    @property
    def job(self) -> Job:
        shell = f'echo "$CRONY_NODE $EPOCHREALTIME" >> {self.file}'
        return Job(schedule="* * * * * *", timeout=10, shell=shell)

    def all(self) -> list[tuple[str, float]]:
        lines = self.file.read_text().splitlines() if self.file.exists() else []
        return [(name, float(at)) for name, _, at in (line.partition(" ") for line in lines)]

    def last(self) -> tuple[str, float]:
        return max(self.all(), key=lambda beat: beat[1], default=("", 0.0))


async def run() -> AsyncGenerator[Row, None]:
    overrides = {"node": {"ttl": TTL}, "watcher": {"ttl": TTL, "reconcile_every": 5}}
    with scratch() as folder:
        beats = [_Beats(Path(folder, f"beats-{number}")) for number in range(_NODES)]
        cluster_folder = Path(folder, "cluster")
        async with LocalCluster(cluster_folder, nodes=_NODES, overrides=overrides) as cluster:
            await assign(cluster, {f"beat-{n}": each.job for n, each in enumerate(beats)})
            killed: list[float] = []
            while len(killed) < KILLS:
                killed += await _fail_over(cluster, beats, lambda victim: victim.kill())
            stopped = await _fail_over(cluster, beats, lambda victim: victim.ask_to_end())
    for work, taken in (("kill -9", killed), ("a stop", stopped)):
        floor = (TTL + _EXPIRY_TICK,) * len(taken)
        yield Row(f"failover of 1 job after {work}", tuple(taken), floor, above(0.5))
    slowest = max(killed)
    yield Row("the slowest of them after kill -9", (slowest,), (TTL + _EXPIRY_TICK,), above(0.5))


async def _fail_over(
    cluster: LocalCluster, beats: list[_Beats], end: Callable[[Child], None]
) -> list[float]:
    """Ends agents that run one job each or more, and starts them again when others run them."""
    began = time.time()
    await cluster.wait_until(
        lambda: all(each.last()[1] > began for each in beats), "each job runs", _PATIENCE
    )
    victims: dict[str, _Beats] = {}
    for each in beats:
        victims.setdefault(each.last()[0], each)
    chosen = list(victims.items())[:AT_ONCE]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_first_run(cluster, *one, end)) for one in chosen]
    for name, _ in chosen:
        await _restart(cluster, name)
    return [task.result() for task in tasks]


async def _first_run(
    cluster: LocalCluster, name: str, beats: _Beats, end: Callable[[Child], None]
) -> float:
    """Seconds from the end of the node's agent to the first run of its job elsewhere."""
    looked = time.time()

    async def has_renewed() -> bool:
        return (await cluster.living_nodes())[name].renewed_at > looked

    await cluster.wait_until(has_renewed, f"{name} renews its lease")
    end(cluster.node(name))
    ended = time.time()
    await cluster.wait_until(
        lambda: beats.last()[0] != name, f"what {name} ran runs elsewhere", _PATIENCE
    )
    return min(at for other, at in beats.all() if other != name and at > ended) - ended


async def _restart(cluster: LocalCluster, name: str) -> None:
    agent = cluster.node(name)
    await cluster.wait_until(lambda: not agent.alive, f"{name} has ended")
    agent.start()

    async def is_back() -> bool:
        found = (await cluster.living_nodes()).get(name)
        return found is not None and found.pid == agent.pid

    await cluster.wait_until(is_back, f"{name} is back", _PATIENCE)
