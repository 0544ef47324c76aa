"""A watcher over a thousand nodes and a hundred thousand jobs, and the etcd below them.

The nodes are simulated (bench/simulated_nodes.py), the rest is real. There is no floor to this:
targets are absolute. A start counts until the jobs of a node have moved that died while no watcher
ran, so that the first look is in it. What follows counts from its cause (the end of the leases, the
end of the sync) until the last job concerned is assigned anew.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from bench.etcd_server import scratch
from bench.load import MIB, load, resident
from bench.row import Row, at_most
from bench.simulated_nodes import node_id, simulated_nodes
from bench.wishes import IDLE_JOB, assign, wish_for
from crony_ops.local.cluster import LocalCluster
from crony_ops.model.cluster import Failover
from crony_ops.model.node import Node
from crony_ops.store import Etcd
from crony_ops.sync.syncing import sync

if TYPE_CHECKING:
    from crony_ops.local.child import Child
    from crony_ops.model.job import Job
    from crony_ops.store.watch import Delivery

NODES, JOBS, LOST, CHANGES = 1_000, 100_000, 100, 1_000
_TTL = 10
_SETTINGS = {"watcher": {"ttl": _TTL}}
_PATIENCE = 300.0
_LOOKS = "crony_watcher_reconcile_duration_seconds"
_STEADY = 60.0
"""Seconds: two of the looks that the watcher takes whatever happens."""


@dataclass(slots=True)
class _Tally:
    """The assignments that were put since it began."""

    puts: int = 0

    def take(self, delivery: Delivery) -> None:
        self.puts += sum(event.entry is not None for event in delivery.events)


async def run() -> AsyncGenerator[Row, None]:
    jobs = {f"job-{number:06}": IDLE_JOB for number in range(JOBS)}
    with scratch() as folder:
        async with LocalCluster(Path(folder), nodes=0, overrides=_SETTINGS) as cluster:
            with simulated_nodes(cluster, range(NODES), _TTL):
                await _registered(cluster)
                began = time.monotonic()
                await assign(cluster, jobs, _PATIENCE)
                first = time.monotonic() - began
                yield Row("100,000 jobs synced and placed on 1,000 nodes", (first,), (), None)
                yield Row("start of the watcher", (await _start(cluster),), (), at_most(30))
                async for row in _steady(cluster):
                    yield row
                one = [await _lose(cluster, [number]) for number in (1, 2, 3)]
                yield Row("100 jobs of a lost node moved", tuple(one), (), at_most(2))
                many = await _lose(cluster, range(4, 4 + LOST))
                yield Row("10,000 jobs of 100 lost nodes moved", (many,), (), None)
                await _all_is_told(cluster)
                changed = dict.fromkeys(
                    list(jobs)[:CHANGES], IDLE_JOB.model_copy(update={"nice": 5})
                )
                few = await _change(cluster, jobs | changed)
                yield Row("1,000 changes of a sync assigned", (few,), (), at_most(2))
                [watcher] = cluster.watchers
                yield _memory("memory of the watcher then", watcher.pid)


def _memory(work: str, pid: int) -> Row:
    return Row(work, (resident(pid),), (), at_most(1.5 * 1024, "MiB"), "MiB")


async def _registered(cluster: LocalCluster) -> None:
    async def all_are_there() -> bool:
        return await cluster.store.count(cluster.keys.nodes) == NODES

    await cluster.wait_until(all_are_there, "all nodes are registered", _PATIENCE)


async def _start(cluster: LocalCluster) -> float:
    [watcher] = cluster.watchers
    await watcher.terminate()
    await _end_leases(cluster, [0])
    async with _assigned_anew(cluster) as tally:
        began = time.monotonic()
        watcher.start()
        await cluster.wait_until(
            lambda: tally.puts >= JOBS // NODES, "the jobs of a lost node have moved", _PATIENCE
        )
        return time.monotonic() - began


async def _steady(cluster: LocalCluster) -> AsyncIterator[Row]:
    [watcher] = cluster.watchers
    await _all_is_told(cluster)
    (looks, seconds), (_, before) = await _looks(watcher), await cluster.store.head()
    began = time.monotonic()
    ours, etcd = await load([watcher.pid, cluster.etcd.pid], _STEADY)
    _, after = await cluster.store.head()
    written = (after - before) / (time.monotonic() - began)
    looks_then, seconds_then = await _looks(watcher)
    [member] = await cluster.store.members()
    look = (seconds_then - seconds) / (looks_then - looks)
    yield Row("a look of it at everything, at rest", (look,), (), at_most(2))
    yield Row("the watcher's share of a core", (100 * ours.cpu,), (), None, "%")
    yield _memory("its memory", watcher.pid)
    yield Row("etcd's share of a core", (100 * etcd.cpu,), (), None, "%")
    yield Row("etcd's memory", (resident(cluster.etcd.pid),), (), None, "MiB")
    yield Row("etcd's database", (member.db_size / MIB,), (), None, "MiB")
    yield Row("writes of 1,000 idle nodes in a second", (written,), (), None, "")


async def _looks(watcher: Child) -> tuple[float, float]:
    """How many it has taken, and the seconds of all of them."""
    *_, page = re.findall(r"metrics at (http://[^\s\"]+)", watcher.log)
    async with aiohttp.ClientSession() as http, http.get(page) as answer:
        families = list(text_string_to_metric_families(await answer.text()))
    samples = {sample.name: sample.value for family in families for sample in family.samples}
    return samples[f"{_LOOKS}_count"], samples[f"{_LOOKS}_sum"]


async def _lose(cluster: LocalCluster, numbers: Sequence[int]) -> float:
    """Seconds from the end of these nodes to the assignment of the last of their jobs."""
    counts = [cluster.store.count(cluster.keys.jobs_of(node_id(each))) for each in numbers]
    theirs = sum(await asyncio.gather(*counts))
    async with _assigned_anew(cluster) as tally:
        began = time.monotonic()
        await _end_leases(cluster, numbers)
        await cluster.wait_until(lambda: tally.puts >= theirs, "all have moved", _PATIENCE)
        return time.monotonic() - began


async def _all_is_told(cluster: LocalCluster) -> None:
    """What the losses made is over: each failover is closed."""
    store, prefix = cluster.store, cluster.keys.failovers

    async def none_is_open() -> bool:
        found = (await store.range(prefix)).entries
        return all(Failover.from_json(entry.value).closed_at is not None for entry in found)

    await cluster.wait_until(none_is_open, "each failover is closed", _PATIENCE)


async def _end_leases(cluster: LocalCluster, numbers: Sequence[int]) -> None:
    store, keys = cluster.store, cluster.keys
    found = await asyncio.gather(*(store.get(keys.node(node_id(each))) for each in numbers))
    leases = [Node.from_json(entry.value).incarnation for entry in found if entry is not None]
    await asyncio.gather(*(store.revoke(lease) for lease in leases))


async def _change(cluster: LocalCluster, jobs: dict[str, Job]) -> float:
    """Seconds from the end of the sync: the leader begins at its first request."""
    wish = wish_for(jobs)
    # All of the fleet shares two cores: a page of specs may take longer than anywhere else.
    patient = cluster.settings.model_copy(update={"request_timeout": _PATIENCE})
    async with Etcd(patient) as etcd, _assigned_anew(cluster) as tally:
        await sync(etcd, cluster.keys, wish)
        began = time.monotonic()
        await cluster.wait_until(lambda: tally.puts >= CHANGES, "all are changed", _PATIENCE)
        return time.monotonic() - began


@asynccontextmanager
async def _assigned_anew(cluster: LocalCluster) -> AsyncIterator[_Tally]:
    store, tally = cluster.store, _Tally()
    cluster_id, revision = await store.head()
    since = {cluster.keys.jobs: revision + 1}
    watching = asyncio.create_task(
        store.watch(since, tally.take, cluster_id=cluster_id, silence=60.0)
    )
    try:
        yield tally
    finally:
        watching.cancel()
