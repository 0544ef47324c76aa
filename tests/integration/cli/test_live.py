"""`crony-ops nodes NAME --live`, as an operator types it, against a real agent."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pty
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from crony_ops.cli.live import SILENCE
from tests.faults.scene import Scene, scene
from tests.integration.cli.committed_schemas import faults
from tests.integration.cli.conftest import CommandLine


async def begun(it: Scene, job_id: str, mark: Path) -> None:
    """A run of the job is under way."""
    job = {"schedule": "@yearly", "shell": f"touch {mark}; sleep 600"}
    await it.sync({job_id: job})
    await it.all_assigned({job_id: job})
    await it.cluster.store.put(it.cluster.keys.once(job_id), b"")
    await it.until(mark.exists, "a run has begun")


async def test_a_node_tells_how_it_is_doing_while_one_looks_and_only_then(tmp_path: Path) -> None:
    async with scene(tmp_path, nodes=1) as it:
        crony_ops = CommandLine(it.cluster.settings, tmp_path)
        store, keys = it.cluster.store, it.cluster.keys
        node = it.cluster.uuid("node-1")
        await begun(it, "nightly", tmp_path / "begun")
        assert await store.get(keys.system_info(node)) is None

        document = json.loads((await crony_ops("nodes", "node-1", "--live", "-o", "json")).out)
        assert faults("nodes", "LiveDocument", document) == []
        system: dict[str, Any] = document["system"]
        assert document["node"] == "node-1"
        assert system["memory_total"] > system["memory_available"] > 0
        assert system["disks"][0]["mount"] == "/"
        assert abs(system["clock_offset"]) < 2  # the same clock; a busy machine answers late
        assert [(run["job_id"], run["rss"] > 0) for run in system["top"]] == [("nightly", True)]

        text = (await crony_ops("nodes", "node-1", "--live", "--once")).out
        assert "nightly" in text
        switch = await store.get(keys.system_switch(node))
        assert switch is not None
        await store.delete(switch.key)  # as its lease does, later

        async def silent() -> bool:
            return await store.get(keys.system_info(node)) is None

        await it.until(silent, "nobody looks, and nothing is told")
        await shown_on_a_terminal(it, tmp_path)


async def shown_on_a_terminal(it: Scene, folder: Path) -> None:
    """It goes on until Ctrl-C, which is no failure."""
    controller, terminal = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "CRONY_ETCD_PREFIX": it.cluster.keys.root}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "crony_ops.cli.main", "nodes", "node-1", "--live"),
        *("--endpoints", it.cluster.settings.endpoints[0]),
        cwd=folder,
        env=environment,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    os.set_blocking(controller, False)
    shown = b""

    def pictures() -> int:
        nonlocal shown
        with contextlib.suppress(BlockingIOError):
            shown += os.read(controller, 65_536)
        return shown.count(b"memory ")

    try:
        await it.until(lambda: pictures() >= 3, "the picture is renewed", timeout=40)
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(20):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        os.close(controller)


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize(
    ("arguments", "status", "reason"),
    [
        pytest.param(("db-1", "--live"), 1, "db-1 is lost", id="lost"),
        pytest.param(("web-9", "--live"), 2, "no node 'web-9'", id="unknown"),
        pytest.param(("--live",), 2, "the name of one node", id="none named"),
        pytest.param(("web-1", "--once"), 2, "--once wants --live", id="once of what"),
        pytest.param(("web-1", "--live"), 1, f"said nothing for {SILENCE}", id="no answer"),
    ],
)
async def test_a_node_that_cannot_be_looked_at_is_refused_in_words(
    crony_ops: CommandLine, arguments: tuple[str, ...], status: int, reason: str
) -> None:
    assert reason in (await crony_ops("nodes", *arguments, status=status)).err
