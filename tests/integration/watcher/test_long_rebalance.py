"""While it is computed how to spread the jobs of a large fleet, the leader goes on leading."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from crony_ops.local.waiting import wait_until
from crony_ops.model.cluster import Rebalance
from crony_ops.model.job import Job
from crony_ops.model.node import Node
from crony_ops.model.run import OpenRun, tick_run_id
from crony_ops.model.spec import Source, Spec
from crony_ops.watcher import spreading
from crony_ops.watcher.balance import balance
from crony_ops.watcher.daemon import WatcherDaemon
from crony_ops.watcher.metrics import WatcherMetrics
from crony_ops.watcher.settings import WatcherSettings
from tests.integration.store.conftest import running

if TYPE_CHECKING:
    from crony_ops.store import Etcd, EtcdSettings
    from crony_ops.store.keys import Keys

FIRST = ("w", "x", "y", "z")
FIRST_ON_A = dict.fromkeys(FIRST, "a")
AT_ONCE = 5.0
"""Seconds: far less than a computation may take, far more than a failover does."""


class LongComputation:
    """``balance``, that takes until it is let go or given up."""

    def __init__(self) -> None:
        self.begun = 0
        self.given_up = 0
        self.go = threading.Event()

    def __call__(self, *picture: Any) -> Any:
        *_, given_up = picture
        self.begun += 1
        while not self.go.wait(0.01):
            if given_up():
                self.given_up += 1
                break
        return balance(*picture)


@pytest.fixture
def computation(monkeypatch: pytest.MonkeyPatch) -> LongComputation:
    made = LongComputation()
    monkeypatch.setattr(spreading, "balance", made)
    return made


class Fleet:
    """Nodes and jobs that are nothing but keys, and a watcher that is real."""

    def __init__(self, etcd: Etcd, keys: Keys) -> None:
        self.etcd = etcd
        self.keys = keys

    async def node_up(self, name: str) -> None:
        node = Node(uuid=name, name=name, incarnation=1, renewed_at=time.time())
        await self.etcd.put(self.keys.node(name), node.to_json())

    async def want(self, job_id: str, **fields: object) -> None:
        job = Job.model_validate({"schedule": "@yearly", "http": {"url": "http://h/"}, **fields})
        spec = Spec.of(job, Source(file="jobs.yaml"), {})
        await self.etcd.put(self.keys.spec(job_id), spec.to_json())

    async def wish(self) -> None:
        order = Rebalance(who="ada", at=time.time())
        await self.etcd.put(self.keys.rebalance, order.to_json())

    async def homes(self) -> dict[str, str]:
        found = (await self.etcd.range(self.keys.jobs, keys_only=True)).entries
        tails = (entry.key.removeprefix(self.keys.jobs).split("/") for entry in found)
        return {job_id: node for node, job_id in tails}

    async def until_homes(self, good: Callable[[dict[str, str]], bool], what: str) -> float:
        """How many seconds it took."""
        began = time.monotonic()

        async def are_good() -> bool:
            return good(await self.homes())

        await wait_until(are_good, what)
        return time.monotonic() - began

    async def wish_stands(self) -> bool:
        return await self.etcd.get(self.keys.rebalance) is not None

    async def until_fulfilled(self) -> None:
        async def is_fulfilled() -> bool:
            return not await self.wish_stands()

        await wait_until(is_fulfilled, "the jobs are spread, and the order is gone")


def has_jobs(count: int, homes: dict[str, str]) -> bool:
    return len(homes) == count


@asynccontextmanager
async def led(store_settings: EtcdSettings) -> AsyncIterator[asyncio.Task[None]]:
    settings = WatcherSettings(etcd=store_settings, id="w", ttl=5, fence_delay=0)
    task = asyncio.create_task(WatcherDaemon(settings, WatcherMetrics()).run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task], timeout=AT_ONCE)
        assert task.done()


@pytest.fixture
async def fleet(etcd: Etcd, keys: Keys) -> Fleet:
    """Four jobs, and a node for them."""
    made = Fleet(etcd, keys)
    await made.node_up("a")
    for job_id in FIRST:
        await made.want(job_id)
    return made


async def all_on_a_and_two_more_nodes(fleet: Fleet, computation: LongComputation) -> None:
    await fleet.until_homes(lambda homes: FIRST_ON_A.items() <= homes.items(), "all are on a")
    for name in ("b", "c"):
        await fleet.node_up(name)
    await fleet.wish()
    await wait_until(lambda: computation.begun > 0, "it is computed")


async def test_a_node_that_dies_meanwhile_is_failed_over_at_once(
    fleet: Fleet, store_settings: EtcdSettings, computation: LongComputation
) -> None:
    async with led(store_settings):
        await all_on_a_and_two_more_nodes(fleet, computation)
        await fleet.etcd.delete(fleet.keys.node("a"))
        took = await fleet.until_homes(
            lambda homes: sorted(homes.values()) == ["b", "b", "c", "c"], "the jobs are elsewhere"
        )
        assert took < AT_ONCE
        assert await fleet.wish_stands()
        computation.go.set()
        await fleet.until_fulfilled()


async def test_what_was_found_is_done_as_far_as_it_still_stands(
    fleet: Fleet, store_settings: EtcdSettings, computation: LongComputation
) -> None:
    async with led(store_settings):
        await all_on_a_and_two_more_nodes(fleet, computation)
        await fleet.etcd.delete(fleet.keys.node("c"))
        computation.go.set()
        await fleet.until_homes(
            lambda homes: sorted(homes.values()) == ["a", "a", "b", "b"], "they are spread"
        )
        await fleet.until_fulfilled()


async def test_it_is_done_though_something_else_is_to_be_done_at_every_look(
    fleet: Fleet, store_settings: EtcdSettings, computation: LongComputation
) -> None:
    async def busy_people() -> None:
        for number in itertools.count():
            await fleet.want("edited", description=f"{number}", run_on={"node": "a"})
            await asyncio.sleep(0.005)

    async with led(store_settings), running(busy_people()):
        await all_on_a_and_two_more_nodes(fleet, computation)
        computation.go.set()
        await fleet.until_fulfilled()
        loads = Counter((await fleet.homes()).values())
        assert sorted(loads.values()) == [1, 2, 2]


async def test_it_ends_with_the_order_and_with_the_leadership(
    fleet: Fleet, store_settings: EtcdSettings, computation: LongComputation
) -> None:
    async with led(store_settings):
        await all_on_a_and_two_more_nodes(fleet, computation)
        await fleet.etcd.delete(fleet.keys.rebalance)
        await wait_until(lambda: computation.given_up == 1, "it is given up with the order")
        await fleet.wish()
        await wait_until(lambda: computation.begun == 2, "it is computed anew")
        await fleet.etcd.delete(fleet.keys.leader)
        await fleet.want("new")  # what is to be written tells that nobody leads
        await wait_until(lambda: computation.given_up == 2, "it is given up with the leadership")
        await wait_until(lambda: computation.begun == 3, "the next leader begins anew")


async def test_what_waits_for_runs_to_end_is_not_computed_at_every_look(
    fleet: Fleet, store_settings: EtcdSettings, computation: LongComputation
) -> None:
    looks = 20
    runs = [
        OpenRun(run_id=tick_run_id(60), job_id=job_id, tick=60, node="a", incarnation=1)
        for job_id in FIRST
    ]
    async with led(store_settings):
        await all_on_a_and_two_more_nodes(fleet, computation)
        opens = [fleet.keys.open(run.node, run.job_id, run.run_id) for run in runs]
        for key, run in zip(opens, runs, strict=True):
            await fleet.etcd.put(key, run.to_json())
        computation.go.set()
        for count in range(1, looks + 1):
            await fleet.want(f"new-{count}", run_on={"node": "a"})
            jobs = len(FIRST) + count
            await fleet.until_homes(partial(has_jobs, jobs), "a look")
        assert computation.begun < looks / 2
        for key in opens:
            await fleet.etcd.delete(key)
        await fleet.until_fulfilled()
        homes = await fleet.homes()
        assert {homes[job_id] for job_id in FIRST} == {"b", "c"}
