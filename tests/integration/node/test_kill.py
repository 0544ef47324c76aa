"""Runs that somebody ends: whatever they do or wait for, nothing is left of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from crony_ops.cli.kill import Ending, choose, end_runs
from crony_ops.cli.view.cluster_view import OpenKey, look
from crony_ops.model.run import Kill, OpenRun, RunRecord, RunState
from tests.faults.scene import Scene, scene

if TYPE_CHECKING:
    from crony_ops.model.run import Attempt

IGNORES_TERM = "trap '' TERM; touch {mark}; while :; do sleep 1; done"
LEAVES_A_DAEMON = "(setsid sleep 600 & echo $! >{mark}.pid); mv {mark}.pid {mark}; sleep 600"
NOTES_INT = "trap 'echo interrupted; exit 3' INT; touch {mark}; while :; do sleep 0.05; done"
YEARLY = "0 0 1 1 *"


@asynccontextmanager
async def hanging_server() -> AsyncIterator[tuple[str, asyncio.Event]]:
    asked = asyncio.Event()

    async def hang(_: web.Request) -> web.Response:
        asked.set()
        await asyncio.sleep(600)
        return web.Response()

    app = web.Application()
    app.router.add_get("/", hang)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/", asked
    finally:
        await runner.cleanup()


def order(why: str = "", **fields: object) -> Kill:
    return Kill.model_validate({"who": "ada@ops", "at": time.time(), "why": why, **fields})


async def run_now(it: Scene, *job_ids: str) -> None:
    for job_id in job_ids:
        await it.cluster.store.put(it.cluster.keys.once(job_id), b"")


async def open_runs(it: Scene, job_id: str) -> list[OpenKey]:
    found = await it.cluster.store.range(it.cluster.keys.opens, keys_only=True)
    keys = (entry.key.removeprefix(it.cluster.keys.opens) for entry in found.entries)
    return [run for key in keys if (run := OpenKey(*key.split("/"))).job_id == job_id]


async def kill(it: Scene, job_id: str, kill: Kill, count: int = 1) -> list[Ending]:
    """What `crony-ops kill` does once it is confirmed."""
    view = await asyncio.to_thread(look, it.cluster.settings)
    chosen = choose(view, job_id, (), list(view.alive))
    assert len(chosen) == count
    return await end_runs(it.cluster.settings, view, chosen, kill, wait=True)


def attempts(ending: Ending) -> tuple[Attempt, ...]:
    assert ending.record is not None
    return ending.record.attempts


def gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state in "ZX"


async def test_a_run_ends_whatever_it_is_doing_when_it_is_killed(tmp_path: Path) -> None:
    marks = {name: tmp_path / name for name in ("stubborn", "forking", "polite", "pinned")}
    async with hanging_server() as (url, asked), scene(tmp_path, nodes=1) as it:
        jobs: dict[str, dict[str, Any]] = {
            "stubborn": {"schedule": YEARLY, "shell": IGNORES_TERM},
            "forking": {"schedule": YEARLY, "shell": LEAVES_A_DAEMON},
            "polite": {"schedule": YEARLY, "shell": NOTES_INT},
            "pinned": {"schedule": YEARLY, "shell": IGNORES_TERM, "run_on": {"node": "node-1"}},
            "asking": {"schedule": YEARLY, "http": {"url": url}},
            "retrying": {
                "schedule": YEARLY,
                "shell": "exit 1",
                "retries": {"count": 3, "delay": 600},
            },
        }
        for name, mark in marks.items():
            jobs[name]["shell"] = jobs[name]["shell"].format(mark=mark)
        await it.sync(jobs)
        await it.all_assigned(jobs)
        await run_now(it, *jobs)
        await it.until(lambda: all(mark.exists() for mark in marks.values()), "all have begun")
        await asyncio.wait_for(asked.wait(), 20)
        journals = it.cluster.folder.state("node-1") / "runs" / "retrying"
        await it.until(
            lambda: any('"ended"' in path.read_text() for path in journals.glob("*.json")),
            "an attempt has failed",
        )
        daemon = int(marks["forking"].read_text())

        ended = dict(
            zip(
                jobs,
                await asyncio.gather(
                    *(
                        kill(it, name, order("wrong", signal="INT" if name == "polite" else "TERM"))
                        for name in jobs
                    )
                ),
                strict=True,
            )
        )

        for name, (ending,) in ended.items():
            assert ending.record is not None, name
            assert ending.record.state is RunState.killed, ending
            assert ending.record.reason == "killed by ada@ops: wrong", ending
        assert len(attempts(ended["retrying"][0])) == 1
        assert "interrupted" in attempts(ended["polite"][0])[0].output
        await it.until(lambda: gone(daemon), "what the run had left behind is gone")
        keys = it.cluster.keys

        async def no_order_left() -> bool:
            kills = await it.cluster.store.range(keys.kills_on(it.cluster.uuid("node-1")))
            return not kills.entries

        await it.until(no_order_left, "the orders are taken away")


async def test_a_run_that_waits_for_the_one_before_is_killed_alone(tmp_path: Path) -> None:
    """The first takes its time to die when the second replaces it; the second is ended meanwhile,
    and the first is not said to be."""
    mark = tmp_path / "begun"
    job = {
        "schedule": YEARLY,
        "concurrency": "replace",
        "shell": f"trap '' TERM; touch {mark}; while :; do sleep 1; done",
    }
    async with scene(tmp_path, nodes=1, overrides={"node": {"kill_grace": 4.0}}) as it:
        await it.sync({"slow": job})
        await it.all_assigned({"slow": job})
        await run_now(it, "slow")
        await it.until(mark.exists, "the first runs")
        (first,) = await open_runs(it, "slow")
        await run_now(it, "slow")

        async def two() -> bool:
            return len(await open_runs(it, "slow")) == 2

        await it.until(two, "the second waits")
        (second,) = [run for run in await open_runs(it, "slow") if run != first]
        view = await asyncio.to_thread(look, it.cluster.settings)
        (ending,) = await end_runs(it.cluster.settings, view, [second], order(), wait=True)
        assert ending.record is not None
        assert ending.record.reason.startswith("killed by ada@ops")
        assert ending.record.started_at is None
        await it.until(lambda: len(records(it, "slow")) == 2, "the first has ended, too")
        (replaced,) = [r for r in records(it, "slow") if r.run_id == first.run_id]
        assert replaced.reason == f"replaced by {second.run_id}"


async def test_an_order_that_finds_no_agent_is_obeyed_by_its_next_life(tmp_path: Path) -> None:
    mark = tmp_path / "begun"
    job = {"schedule": YEARLY, "shell": IGNORES_TERM.format(mark=mark)}
    async with scene(tmp_path, nodes=1, overrides={"node": {"ttl": 60}}) as it:
        await it.sync({"stubborn": job})
        await it.all_assigned({"stubborn": job})
        await run_now(it, "stubborn")
        await it.until(mark.exists, "it runs")
        (run,) = await open_runs(it, "stubborn")
        (entry,) = (await it.cluster.store.range(it.cluster.keys.opens)).entries
        claimed = OpenRun.from_json(entry.value)
        node = it.cluster.node("node-1")
        node.kill()
        await it.cluster.store.put(it.cluster.keys.kill(*run), order().to_json())
        node.start()
        await it.until(lambda: len(records(it, "stubborn")) == 1, "the run has ended")
        (record,) = records(it, "stubborn")
        assert (record.state, record.reason) == (RunState.killed, "killed by ada@ops")
        assert (record.epoch, record.incarnation) == (claimed.epoch, claimed.incarnation)
        assert min(record.epoch, record.incarnation) > 0


def records(it: Scene, job_id: str) -> list[RunRecord]:
    return [
        record
        for record in it.evidence.records
        if isinstance(record, RunRecord) and record.job_id == job_id
    ]


@pytest.mark.parametrize("value", [order().to_json(), b"no order"], ids=["a stranger's", "broken"])
async def test_an_order_for_no_run_of_ours_is_taken_away(tmp_path: Path, value: bytes) -> None:
    async with scene(tmp_path, nodes=1) as it:
        key = it.cluster.keys.kill(it.cluster.uuid("node-1"), "ghost", "20261122T160000Z-s")
        await it.cluster.store.put(key, value)

        async def gone_again() -> bool:
            return await it.cluster.store.get(key) is None

        await it.until(gone_again, "the order is deleted")
