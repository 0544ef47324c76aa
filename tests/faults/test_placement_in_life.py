"""Where jobs go when a node dies: what may move does, what may not stays."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests.faults.scene import scene

if TYPE_CHECKING:
    from crony_ops.model.cluster import Failover

QUIET = {"schedule": "@yearly"}


async def test_only_what_may_move_moves_and_the_rest_says_why(tmp_path: Path) -> None:
    jobs = {
        "pinned": {**QUIET, "shell": "true", "run_on": {"node": "node-1"}},
        "shell": {**QUIET, "shell": "true", "run_on": {"group": "web"}},
        "http": {**QUIET, "http": {"url": "http://127.0.0.1:9/"}, "run_on": {"group": "web"}},
        "nowhere": {**QUIET, "shell": "true", "run_on": {"group": "moon"}},
    }
    groups = {"node-1": {"groups": ["web"]}, "node-2": {"groups": ["idle"]}}
    async with scene(
        tmp_path,
        nodes=2,
        overrides={"watcher": {"cmd_auto_allocation": False}, **groups},
    ) as it:
        await it.sync(jobs)
        await it.all_assigned({"pinned": 0, "shell": 0, "http": 0})
        # Everything stands on node-1, the only one in group web; now the group grows.
        await it.cluster.node("node-2").terminate()
        config = it.cluster.folder.config("node-2")
        config.write_text(config.read_text().replace("- idle", "- web"))
        it.cluster.node("node-2").start()

        async def node_2_is_in_web() -> bool:
            node = (await it.cluster.living_nodes()).get("node-2")
            return node is not None and "web" in node.groups

        await it.until(node_2_is_in_web, "node-2 is in group web")
        it.cluster.node("node-1").kill()

        async def http_moved() -> bool:
            return await it.holder("http") == "node-2"

        await it.until(http_moved, "the HTTP job goes on at node-2")
        assert await it.holder("pinned") == "node-1"
        assert await it.holder("shell") == "node-1"

        async def of_node_1() -> list[Failover]:
            # Node-2 may have one too, if it took longer than a TTL to come back.
            return [f for f in await it.failovers() if f.node_name == "node-1" and f.closed_at]

        async def closed() -> bool:
            return bool(await of_node_1())

        await it.until(closed, "the failover is closed")
        [failover] = await of_node_1()
        assert (failover.moved, failover.failed, failover.bound) == (1, 1, 1)
        assert failover.failed_jobs == ("shell",)
        unassigned = {row["job"]: row["reason"] for row in (await it.status())["unassigned"]}
        assert "in group moon" in unassigned["nowhere"]


async def test_a_shell_job_moves_when_the_watcher_is_told_that_it_may(tmp_path: Path) -> None:
    jobs = {"shell": {**QUIET, "shell": "true"}}
    async with scene(tmp_path, nodes=2, overrides={"watcher": {"cmd_auto_allocation": True}}) as it:
        await it.sync(jobs)
        await it.all_assigned(jobs)
        before = await it.holder("shell")
        it.cluster.node(before).kill()

        async def moved() -> bool:
            return await it.holder("shell") not in ("", before)

        await it.until(moved, "the job is on the other node")
