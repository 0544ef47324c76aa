"""etcd dies and comes back: every process goes on by itself."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from crony_ops.cli import pause
from crony_ops.model.node import Pause
from crony_ops.model.spec import Assignment
from tests.faults.scene import scene
from tests.faults.test_agent_deaths import jobs_of_every_kind, running

OUTAGE = 10.0


async def test_after_an_outage_of_etcd_no_tick_is_run_twice_and_none_is_forgotten(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path, nodes=2, watchers=2) as it:
        jobs = jobs_of_every_kind(it)
        await it.sync(jobs)
        await running(it, jobs)
        since = int(time.time())
        it.cluster.etcd.kill()
        killed = time.monotonic()
        await it.until(lambda: time.monotonic() - killed > OUTAGE, "the outage", timeout=30)
        it.cluster.etcd.start()
        back = time.time()

        def all_go_on() -> bool:
            return {s.job for s in it.starts() if s.tick > back} == set(jobs)

        await it.until(all_go_on, "every job goes on", timeout=30)
        await it.settled()
        pinned = [s.tick for s in it.starts() if s.job == "pinned"]
        missed_by_pinned = set(range(since + 1, int(back))) - set(pinned)
        assert len(missed_by_pinned) < OUTAGE / 2, "the pinned job goes on through the outage"


async def test_a_paused_pinned_job_stays_paused_when_its_agent_restarts_without_etcd(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path, nodes=1) as it:
        jobs = {
            "paused": it.noted("* * * * * *", run_on={"node": "node-1"}),
            "goes-on": it.noted("* * * * * *", run_on={"node": "node-1"}),
        }
        await it.sync(jobs)
        await running(it, jobs)
        await pause.pause_jobs(it.cluster.settings, ["paused"], Pause(who="test", at=time.time()))
        paused = time.time()
        await it.until(lambda: time.time() > paused + 1.5, "what was claimed ahead is over")
        it.cluster.etcd.kill()
        it.cluster.node("node-1").restart()
        restarted = time.time()

        def goes_on() -> int:
            return sum(s.job == "goes-on" and s.at > restarted for s in it.starts())

        await it.until(lambda: goes_on() >= 8, "the other pinned job goes on without etcd")
        it.cluster.etcd.start()
        back = time.time()
        await it.until(
            lambda: any(s.job == "goes-on" and s.tick > back + 3 for s in it.starts()),
            "etcd is back",
        )
        assert not [s for s in it.starts() if s.job == "paused" and s.at > paused + 1.5]


async def test_a_pinned_job_that_is_to_leave_its_node_is_not_run_there_through_an_outage(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path, nodes=2) as it:
        here: dict[str, Any] = {"run_on": {"node": "node-1"}}
        goes_on = it.noted("* * * * * *", **here)
        leaves = it.noted("* * * * * *", seconds=60, concurrency="allow")
        await it.sync({"goes-on": goes_on, "leaves": {**leaves, **here}})
        await it.until(lambda: {s.job for s in it.starts()} == {"goes-on", "leaves"}, "both run")
        await it.sync({"goes-on": goes_on, "leaves": {**leaves, "run_on": {"node": "node-2"}}})
        key = it.cluster.keys.job(it.cluster.uuid("node-1"), "leaves")

        async def is_told() -> bool:
            entry = await it.cluster.store.get(key)
            return entry is not None and Assignment.from_json(entry.value).leaving

        await it.until(is_told, "the job is to leave when its runs have ended")
        told = time.time()
        await it.until(lambda: time.time() > told + 1.5, "what was claimed ahead is over")
        it.cluster.etcd.kill()
        killed = time.time()

        def has_gone_on() -> int:
            return sum(s.job == "goes-on" and s.tick > killed + 3 for s in it.starts())

        await it.until(lambda: has_gone_on() >= 4, "the other pinned job goes on without etcd")
        assert not [s for s in it.starts() if s.job == "leaves" and s.at > told + 1.5]
