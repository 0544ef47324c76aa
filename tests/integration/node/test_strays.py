"""Claims that were made after they had been looked up are found; those that are known are not."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from crony_ops.model.run import OpenRun, tick_run_id
from crony_ops.node.runs import strays
from crony_ops.node.runs.strays import Strays
from crony_ops.store import Etcd, EtcdSettings
from crony_ops.store.keys import Keys

if TYPE_CHECKING:
    import pytest


def claimed(job_id: str, ago: float) -> OpenRun:
    return OpenRun(
        run_id=tick_run_id(60),
        job_id=job_id,
        tick=60,
        node="n",
        incarnation=1,
        claimed_at=time.time() - ago,
    )


async def test_only_what_nobody_knows_of_and_was_claimed_before_the_doubt_is_launched(
    store_settings: EtcdSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strays, "SETTLED_AFTER", 0.2)
    keys = Keys(store_settings.prefix)
    stray, told_later, fresh = claimed("stray", 60), claimed("told", 60), claimed("fresh", -60)
    launched: list[OpenRun] = []
    async with Etcd(store_settings) as etcd:
        for run in (stray, told_later, fresh):
            await etcd.put(keys.open("n", run.job_id, run.run_id), run.to_json())
        await etcd.put(keys.open("n", "broken", "x"), b"no JSON")
        async with asyncio.TaskGroup() as group:
            search = Strays(
                etcd,
                keys.open_on("n"),
                group,
                launched.append,
                lambda: {(run.job_id, run.run_id) for run in (told_later, *launched)},
            )
            search.expect()
            search.expect()
    assert launched == [stray]


async def test_each_doubt_is_given_its_time_to_settle(
    store_settings: EtcdSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strays, "SETTLED_AFTER", 0.3)
    keys = Keys(store_settings.prefix)
    late = claimed("late", 60)
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
