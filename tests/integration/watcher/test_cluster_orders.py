"""Orders to the whole cluster, given by the real command to real watchers and agents."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from crony_ops.model.node import Cordon
from crony_ops.model.spec import Cursor
from tests.faults.scene import Scene, scene

if TYPE_CHECKING:
    from pathlib import Path

QUIET = {"schedule": "@yearly", "http": {"url": "http://127.0.0.1:9/"}}
MOVABLE = {"watcher": {"cmd_auto_allocation": True}}


async def crony_ops(it: Scene, *arguments: str, status: int = 0) -> str:
    """What the command prints, on stdout and stderr."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "crony_ops.cli.main", *arguments),
        *("--endpoints", it.cluster.settings.endpoints[0]),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(60):
        out, _ = await process.communicate()
    assert process.returncode == status, out.decode()
    return out.decode()


async def loads(it: Scene) -> Counter[str]:
    """How many jobs each node has."""
    return Counter(node for nodes in (await it.cluster.holders()).values() for node in nodes)


async def test_a_rebalance_gives_a_node_its_share_and_moves_no_more_than_that(
    tmp_path: Path,
) -> None:
    jobs = {f"job-{number}": QUIET for number in range(9)}
    async with scene(tmp_path, nodes=3) as it:
        uuid = it.cluster.uuid("node-3")
        order = Cordon(who="test", at=time.time())
        await it.cluster.store.put(it.cluster.keys.cordon(uuid), order.to_json())
        await it.sync(jobs)
        await it.all_assigned(jobs)
        before = await it.cluster.holders()
        await crony_ops(it, "uncordon", "node-3")
        assert "done" in await crony_ops(it, "rebalance", "--wait", "--yes")
        assert set((await loads(it)).values()) == {3}
        after = await it.cluster.holders()
        assert sum(before[job_id] != after[job_id] for job_id in jobs) == 3
        assert "nothing to move" in await crony_ops(it, "rebalance")


async def test_a_drained_node_gives_up_even_a_job_that_has_always_a_run_open(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path, nodes=2, overrides=MOVABLE) as it:
        jobs: dict[str, dict[str, Any]] = {
            "busy": it.noted("* * * * * *", seconds=0.6),
            "pinned": {"schedule": "@yearly", "shell": "true", "run_on": {"node": "node-1"}},
        }
        await it.sync(jobs)
        await it.all_assigned(jobs)
        home = await it.holder("busy")
        await it.until(lambda: bool(it.starts()), "it runs")
        assert "has given up what it can" in await crony_ops(it, "drain", home, "--wait")
        assert await it.holder("busy") not in ("", home)
        assert await it.holder("pinned") == "node-1"
        nodes = {node["name"]: node["state"] for node in (await it.status())["nodes"]}
        assert nodes[home] == "draining"
        await it.settled()


async def test_a_forgotten_node_releases_what_was_bound_to_it(tmp_path: Path) -> None:
    shell = {"schedule": "@yearly", "shell": "true"}
    jobs: dict[str, dict[str, Any]] = {"shell": shell, "all": {**shell, "run_on": {"every": True}}}
    overrides = {"watcher": {"cmd_auto_allocation": False}}
    async with scene(tmp_path, nodes=2, overrides=overrides) as it:
        await it.sync(jobs)
        await it.all_assigned(jobs)
        lost = await it.holder("shell")
        cursor = it.cluster.keys.cursor("all", it.cluster.uuid(lost))

        async def stands() -> bool:
            return await it.cluster.store.get(cursor) is not None

        await it.until(stands, "each node has its cursor")
        assert f"{lost} is up" in await crony_ops(it, "forget", lost, "--yes", status=2)
        it.cluster.node(lost).kill()

        async def is_lost() -> bool:
            return lost not in await it.cluster.living_nodes()

        await it.until(is_lost, f"{lost} is lost")
        await crony_ops(it, "forget", lost, "--yes")

        async def released() -> bool:
            holders = await it.cluster.holders()
            others = {node for nodes in holders.values() for node in nodes}
            return set(holders) == set(jobs) and lost not in others and not await stands()

        await it.until(released, "its jobs, and its cursor, are released")
        assert lost not in {node["name"] for node in (await it.status())["nodes"]}


async def test_a_job_whose_cursor_is_in_the_future_runs_again_after_a_reset(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path, nodes=1) as it:
        jobs = {"job": it.noted("* * * * * *")}
        await it.sync(jobs)
        await it.until(lambda: bool(it.starts()), "it runs")
        ahead = Cursor(tick=int(time.time()) + 86_400).to_json()
        await it.cluster.store.put(it.cluster.keys.cursor("job"), ahead)
        before = len(it.starts())

        async def waits_for_tomorrow() -> bool:
            started = len(it.starts())
            await asyncio.sleep(1.5)
            return started == len(it.starts()) >= before

        await it.until(waits_for_tomorrow, "it does not run any more")
        await crony_ops(it, "cursor", "reset", "job", "--yes")
        reset_at = time.time()
        await it.until(
            lambda: any(line.at > reset_at for line in it.starts()), "it runs again from now on"
        )


async def test_after_a_restore_jobs_go_on_and_nothing_of_the_past_is_run(tmp_path: Path) -> None:
    async with scene(tmp_path, nodes=2, overrides=MOVABLE) as it:
        jobs: dict[str, dict[str, Any]] = {
            "often": it.noted("* * * * * *"),
            "hourly": it.noted("@hourly", misfire={"policy": "latest", "grace": "12h"}),
        }
        await it.sync(jobs)
        await it.all_assigned(jobs)
        await it.until(lambda: bool(it.starts()), "it runs")
        keys, store = it.cluster.keys, it.cluster.store
        await crony_ops(it, "pause", "hourly")
        await store.put(keys.cursor("hourly"), Cursor(tick=int(time.time()) - 7_200).to_json())
        await crony_ops(it, "restored", "--yes")
        restored_at = time.time()
        await store.delete(keys.pause("hourly"))
        await it.until(
            lambda: any(line.at > restored_at for line in it.starts()), "jobs go on after it"
        )
        await it.settled()
        assert "hourly" not in {line.job for line in it.starts()}
