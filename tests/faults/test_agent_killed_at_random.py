"""kill -9 of agents at a hundred random moments: what each run came to is told, and told truly."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import web

from crony_ops.model.run import OpenRun, RunRecord, RunState
from tests.faults.scene import Scene, scene

if TYPE_CHECKING:
    from crony_ops.local.child import Child

NODES, KILLS_EACH = 4, 25
LONG = 300
# A record that is trimmed stays as it was seen last, though the truth comes to be known.
KEEP_ALL = {"node": {"keep_runs": 1000, "keep_runs_each": 1000}}
EACH_SECOND = "* * * * * *"
SETTLED_WITHIN = 60.0
# Whoever of these has written its last line comes to its end, with its agent or without.
ENDS_WITH_ITS_LINE = ("trivial", "sleeper", "everywhere", "forked")


@asynccontextmanager
async def a_slow_server() -> AsyncIterator[str]:
    async def answer(_request: web.Request) -> web.Response:
        await asyncio.sleep(0.4)
        return web.Response(text="fine")

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


def jobs_of_every_kind(it: Scene, url: str) -> dict[str, dict[str, Any]]:
    retried = it.noted("*/3 * * * * *", retries={"count": 2, "delay": 1}, concurrency="allow")
    retried["shell"] += "(( CRONY_ATTEMPT > 1 ))\n"
    forked = it.noted("*/2 * * * * *")
    forked["shell"] += "( setsid sleep 1 & )\n"
    hidden = it.noted("*/2 * * * * *")
    hidden["shell"] += "exec sleep 1\n"
    # Nothing of it ends by itself: what is left of it is still there at the end.
    long = it.noted("*/5 * * * * *", concurrency="allow")
    long["shell"] += f"setsid sleep {LONG} &\nsleep {LONG} &\nwait\n"
    return {
        "trivial": it.noted(EACH_SECOND),
        "sleeper": it.noted("*/2 * * * * *", 2, concurrency="allow"),
        "retried": retried,
        "rerun": it.noted(EACH_SECOND, 1.5, on_node_loss="rerun", concurrency="allow"),
        "everywhere": it.noted(EACH_SECOND, 0.3, run_on={"every": True}),
        "forked": forked,
        "hidden": hidden,
        "long": long,
        "asked": {"schedule": EACH_SECOND, "http": {"url": url}, "concurrency": "allow"},
    }


async def kill_again_and_again(node: Child, chance: random.Random) -> None:
    """While it works, and now and then before it has come to that."""
    for _ in range(KILLS_EACH):
        await asyncio.sleep(chance.uniform(0, 1) if chance.random() < 0.2 else chance.uniform(1, 4))
        node.restart()


def followed(it: Scene) -> set[tuple[str, str]]:
    """Runs that some agent goes on with: it keeps a journal of each until its end is told."""
    journals = (
        path
        for node in it.cluster.nodes
        for path in (it.cluster.folder.state(node.name) / "runs").glob("*/*.json")
    )
    return {(path.parent.name, path.stem) for path in journals}


def living_runs(it: Scene) -> dict[tuple[str, str], list[int]]:
    """Processes by the job and run that they were started for."""
    mark = f"CRONY_CLUSTER={it.cluster.folder.path}:".encode()
    found: dict[tuple[str, str], list[int]] = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            lines = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        given = dict(line.decode("utf-8", "replace").partition("=")[::2] for line in lines)
        if "CRONY_RUN" in given and any(line.startswith(mark) for line in lines):
            run = (given["CRONY_JOB"], given["CRONY_RUN"])
            found.setdefault(run, []).append(int(folder.name))
    return found


async def open_runs(it: Scene) -> list[OpenRun]:
    entries = (await it.cluster.store.range(it.cluster.keys.opens)).entries
    return [OpenRun.from_json(entry.value) for entry in entries]


async def test_every_run_ends_in_a_state_that_is_true_and_leaves_no_orphan(tmp_path: Path) -> None:
    seed = int(os.environ.get("CRONY_SEED", random.SystemRandom().randrange(10**6)))
    print(f"CRONY_SEED={seed}")  # noqa: T201 - a failure shows it
    chance = random.Random(seed)
    async with a_slow_server() as url, scene(tmp_path, nodes=NODES, overrides=KEEP_ALL) as it:
        jobs = jobs_of_every_kind(it, url)
        await it.sync(jobs)
        await it.all_assigned(jobs)
        async with asyncio.TaskGroup() as group:
            for node in it.cluster.nodes:
                mine = random.Random(chance.random())
                group.create_task(kill_again_and_again(node, mine))
        killed = time.time()

        async def all_is_told() -> bool:
            left = [run for run in await open_runs(it) if run.claimed_at < killed]
            living = living_runs(it)
            return all(run.job_id == "long" and (run.job_id, run.run_id) in living for run in left)

        await it.until(all_is_told, "only what still runs is open", SETTLED_WITHIN)

        unfollowed: dict[tuple[str, str], list[int]] = {}

        def all_are_followed() -> bool:
            unfollowed.clear()
            living = living_runs(it)
            known = followed(it)  # looked at later: a run has its journal before its process
            unfollowed.update((run, living[run]) for run in living.keys() - known)
            return all(job == "forked" for job, _ in unfollowed)

        try:
            await it.until(all_are_followed, "no process is left that nobody follows", 10)
        finally:
            print(f"unfollowed: {unfollowed}")  # noqa: T201
        found = await it.settled(jobs.keys() - {"asked", "long"})
        print(f"{dict(found.counts)}")  # noqa: T201
        newest = {
            (record.job_id, record.run_id): record.state
            for record in it.evidence.records
            if isinstance(record, RunRecord)
        }
        ended = {(line.job, line.run) for line in it.ledger() if line.event == "end"}
        called_lost = {run for run, state in newest.items() if state is RunState.lost}
        untrue = {run for run in called_lost & ended if run[0] in ENDS_WITH_ITS_LINE}
        assert untrue == set()
