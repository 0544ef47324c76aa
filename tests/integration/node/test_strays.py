"""Claims that were made after they had been looked up are found; those that are known are not."""

from __future__ import annotations

import asyncio
import time

import pytest

from crony_ops.model.run import OpenRun, tick_run_id
from crony_ops.node.runs import strays
from crony_ops.node.runs.strays import Strays
from crony_ops.store import Etcd, EtcdSettings
from crony_ops.store.keys import Keys

HOUR = 3600.0


def claimed(job_id: str, ago: float = 60.0) -> OpenRun:
    return OpenRun(
        run_id=tick_run_id(60),
        job_id=job_id,
        tick=60,
        node="n",
        incarnation=1,
        claimed_at=time.time() - ago,
    )


@pytest.mark.parametrize("ago", [60.0, -HOUR, HOUR], ids=["as it is", "put back", "put forward"])
async def test_what_nobody_knows_of_is_launched_whatever_became_of_the_clock(
    store_settings: EtcdSettings, monkeypatch: pytest.MonkeyPatch, ago: float
) -> None:
    monkeypatch.setattr(strays, "SETTLED_AFTER", 0.2)
    keys = Keys(store_settings.prefix)
    stray, told_later, fresh = claimed("stray", ago), claimed("told", ago), claimed("fresh", ago)
    launched: list[OpenRun] = []
    looks = 0

    def ours() -> set[tuple[str, str]]:
        """The answer to a claim that was just made comes between two looks."""
        nonlocal looks
        looks += 1
        known = (told_later, *launched, *((fresh,) if looks > 1 else ()))
        return {(run.job_id, run.run_id) for run in known}

    async with Etcd(store_settings) as etcd:
        for run in (stray, told_later, fresh):
            await etcd.put(keys.open("n", run.job_id, run.run_id), run.to_json())
        await etcd.put(keys.open("n", "broken", "x"), b"no JSON")
        async with asyncio.TaskGroup() as group:
            search = Strays(etcd, keys.open_on("n"), group, launched.append, ours)
            search.expect()
            search.expect()
    assert launched == [stray]


async def test_each_doubt_is_given_its_time_to_settle(
    store_settings: EtcdSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strays, "SETTLED_AFTER", 0.3)
    keys = Keys(store_settings.prefix)
    late = claimed("late")
    looked, launched = asyncio.Event(), list[OpenRun]()

    def ours() -> set[tuple[str, str]]:
        looked.set()
        return {(run.job_id, run.run_id) for run in launched}

    async with Etcd(store_settings) as etcd, asyncio.TaskGroup() as group:
        search = Strays(etcd, keys.open_on("n"), group, launched.append, ours)
        search.expect()
        await asyncio.sleep(0)  # the search for the first has begun
        search.expect()
        await looked.wait()
        await etcd.range(keys.open_on("n"))  # behind the look at the first
        await etcd.put(keys.open("n", late.job_id, late.run_id), late.to_json())
    assert launched == [late]
