"""Daemons and the command line, each with its own certificate: all that a cluster does goes through
with no more rights than a fleet gives them."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from crony_ops.local.waiting import wait_until
from crony_ops.model.run import RunRecord
from tests.integration.daemon.pair import Daemon
from tests.integration.fleet.guarded import CLUSTER, Guarded

if TYPE_CHECKING:
    from crony_ops.store import Etcd

EACH_SECOND = "* * * * * *"
YEARLY = "0 0 1 1 *"


class Cluster:
    def __init__(self, folder: Path, guarded: Guarded, operator: Etcd) -> None:
        self.folder = folder
        self.guarded = guarded
        self.keys = guarded.keys
        self.operator = operator
        common = {"cluster": CLUSTER, "ttl": 3, "listen": "127.0.0.1:0"}
        self.watcher = Daemon(
            "w1",
            "crony_ops.watcher.main",
            folder,
            {**common, "etcd": self._etcd("watcher-w1"), "id": "w1", "cmd_auto_allocation": True},
        )
        self.nodes = {name: self.node(name, common) for name in ("h1", "h2")}

    def node(self, name: str, common: Mapping[str, Any], user: str = "") -> Daemon:
        own = {"name": name, "state_dir": str(self.folder / name), "presets_dir": None}
        etcd = self._etcd(user or f"node-{name}")
        return Daemon(name, "crony_ops.node.main", self.folder, {**common, **own, "etcd": etcd})

    def _etcd(self, user: str) -> dict[str, Any]:
        return self.guarded.settings(user).model_dump(mode="json")

    async def crony_ops(self, *arguments: str, user: str = "operator", status: int = 0) -> str:
        """What it prints, on stderr if it fails."""
        config = self.folder / f"cli-{user}.yaml"
        config.write_text(yaml.safe_dump({"etcd": self._etcd(user)}))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "crony_ops.cli.main", *arguments),
            cwd=self.folder,
            env={**os.environ, "HOME": str(self.folder), "CRONY_CONFIG": str(config)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(60):
            out, err = await process.communicate()
        assert process.returncode == status, (arguments, out, err)
        assert b"Traceback" not in err
        return (err if status else out).decode()

    async def sync(self, jobs: Mapping[str, Mapping[str, Any]]) -> None:
        path = self.folder / "jobs" / "all.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump({"jobs": dict(jobs)}))
        await self.crony_ops("sync")

    async def records(self, job_id: str) -> list[RunRecord]:
        found = await self.operator.range(self.keys.runs_of(job_id))
        return [record for e in found.entries if (record := RunRecord.read(e.key, e.value))]

    async def succeeds(self, job_id: str, node: str, since: float, timeout: float = 25) -> None:
        async def it_has() -> bool:
            return any(
                record.succeeded and record.node_name == node and record.started_at >= since
                for record in await self.records(job_id)
                if record.started_at
            )

        await wait_until(it_has, f"{job_id} succeeds on {node}", timeout)

    async def gone(self, prefix: str) -> None:
        async def none() -> bool:
            return await self.operator.count(prefix) == 0

        await wait_until(none, f"nothing is under {prefix}", 25)


@asynccontextmanager
async def cluster(folder: Path, guarded: Guarded) -> AsyncIterator[Cluster]:
    """No daemon of it is ever told no."""
    async with guarded.client("operator") as operator:
        it = Cluster(folder, guarded, operator)
        daemons = [it.watcher, *it.nodes.values()]
        try:
            for daemon in daemons:
                daemon.start()
            yield it
        finally:
            await asyncio.gather(*(daemon.terminate() for daemon in daemons))
    for daemon in daemons:
        refusals = [line for line in daemon.log.splitlines() if "permission denied" in line]
        assert not refusals, (daemon.name, refusals[:3])


@pytest.mark.timeout(400)
async def test_a_cluster_lives_with_the_rights_of_a_fleet(guarded: Guarded, tmp_path: Path) -> None:
    async with cluster(tmp_path, guarded) as it:
        began = time.time()
        on_h1: dict[str, Any] = {"run_on": {"node": "h1"}}
        await it.sync(
            {
                "moves": {"schedule": EACH_SECOND, "shell": "true"},
                "again": {"schedule": EACH_SECOND, "shell": "sleep 600", "on_node_loss": "rerun"},
                "pinned": {"schedule": EACH_SECOND, "shell": "true", **on_h1},
                "everywhere": {
                    "schedule": EACH_SECOND,
                    "shell": "true",
                    "run_on": {"every": True},
                },
                "asked-for": {"schedule": YEARLY, "shell": "sleep 1.5", **on_h1},
                "long": {"schedule": YEARLY, "shell": "sleep 600", **on_h1},
                "fails": {"schedule": EACH_SECOND, "shell": "exit 3", **on_h1},
            }
        )
        await it.succeeds("pinned", "h1", began)
        await it.succeeds("everywhere", "h1", began)
        await it.succeeds("everywhere", "h2", began)

        # Run now, look, kill.
        await it.crony_ops("run", "asked-for", "--wait")
        await it.crony_ops("run", "long")

        async def long_is_told_of() -> bool:
            return await it.operator.count(f"{it.keys.procs_of(guarded.uuid('h1'))}long/") > 0

        await wait_until(long_is_told_of, "the long run's process stands in etcd", 25)
        live = json.loads(await it.crony_ops("nodes", "h1", "--live", "--output", "json"))
        assert live["node"] == "h1"
        await it.crony_ops("kill", "long", "--yes")
        await it.gone(it.keys.open(guarded.uuid("h1"), "long", ""))
        await it.gone(it.keys.kills_on(guarded.uuid("h1")))

        # Pause, resume.
        await it.crony_ops("pause", "pinned", "--why", "a look")
        await it.crony_ops("resume", "pinned")
        await it.succeeds("pinned", "h1", time.time())

        # A drain takes the job to the other node, and back.
        await it.crony_ops("cordon", "h2", "--why", "a look")
        await it.crony_ops("uncordon", "h2")
        await it.crony_ops("drain", "h2", "--why", "a look")
        await it.succeeds("moves", "h1", time.time())
        await it.crony_ops("uncordon", "h2")

        # A node dies, and another takes its jobs; it comes back.
        lost = time.time()
        it.nodes["h1"].kill()
        await it.succeeds("moves", "h2", lost)
        it.nodes["h1"].start()
        await it.succeeds("pinned", "h1", time.time())

        for command in (["status"], ["history", "moves"], ["explain", "moves"], ["jobs"]):
            await it.crony_ops(*command)
        refusal = await it.crony_ops("status", user="node-h1", status=1)
        assert refusal.strip().endswith("etcd refused: permission denied")


async def test_ends_that_etcd_has_not_heard_of_are_told_when_it_is_back(
    guarded: Guarded, tmp_path: Path
) -> None:
    async with cluster(tmp_path, guarded) as it:
        pinned = {"schedule": EACH_SECOND, "shell": "true", "run_on": {"node": "h1"}}
        await it.sync({"pinned": pinned})
        await it.succeeds("pinned", "h1", 0)
        it.guarded.server.freeze()
        frozen = time.time()
        try:
            # Long enough for the node to go on by itself.
            await wait_until(lambda: time.time() > frozen + 10, "time passes", 12)
        finally:
            it.guarded.server.thaw()
        await it.succeeds("pinned", "h1", time.time())


@pytest.mark.parametrize("user", ["stranger", "node-h2"])
async def test_an_agent_with_a_certificate_that_is_not_its_own_says_so_and_does_nothing(
    guarded: Guarded, tmp_path: Path, user: str
) -> None:
    async with guarded.client("operator") as operator:
        it = Cluster(tmp_path, guarded, operator)
        agent = it.node("h1", {"cluster": CLUSTER, "ttl": 3, "listen": "127.0.0.1:0"}, user)
        agent.start()
        try:
            await wait_until(
                lambda: "not registered: etcd refused: permission denied" in agent.log,
                "it says that it may not",
                25,
            )
            assert agent.alive
            assert await operator.count(it.keys.nodes) == 0
        finally:
            await agent.terminate()
