"""`crony-ops kill`, as an operator types it."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from crony_ops.cli import kill
from crony_ops.cli.view.cluster_view import look
from crony_ops.model.run import Kill
from tests.faults.scene import scene
from tests.integration.cli.conftest import CommandLine

if TYPE_CHECKING:
    from crony_ops.store import Etcd, EtcdSettings
    from crony_ops.store.keys import Keys


async def test_a_run_is_killed_from_the_command_line(tmp_path: Path) -> None:
    async with scene(tmp_path, nodes=1) as it:
        crony_ops, mark = CommandLine(it.cluster.settings, tmp_path), tmp_path / "begun"
        job = {"schedule": "@yearly", "shell": f"touch {mark}; sleep 600"}
        await it.sync({"one": job})
        await it.all_assigned({"one": job})
        await it.cluster.store.put(it.cluster.keys.once("one"), b"")
        await it.until(mark.exists, "it runs")
        refused = await crony_ops("kill", "one", status=2)
        assert "say --yes" in refused.err
        ended = await crony_ops("kill", "one", "--why", "wrong host", "--yes")
        assert "killed on node-1 after" in ended.out
        assert "wrong host" in ended.out
        assert "has no open run" in (await crony_ops("kill", "one", "--yes", status=2)).err


@pytest.mark.usefixtures("fleet")
async def test_an_order_to_kill_stands_on_a_lease_under_the_run(
    crony_ops: CommandLine, etcd: Etcd, keys: Keys
) -> None:
    """Its node is not told to wait for: nobody plays it here."""
    await crony_ops("kill", "report", "--signal", "INT", "--no-wait", "--yes")
    entry = await etcd.get(keys.kill("u-web-1", "report", "20261122T184500Z-s"))
    assert entry is not None
    assert entry.lease
    order = Kill.from_json(entry.value)
    assert (order.signal, "@" in order.who) == ("INT", True)


@pytest.mark.usefixtures("fleet")
async def test_a_run_that_does_not_end_in_time_is_still_open(
    store_settings: EtcdSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kill, "KILL_TTL", 2)
    view = await asyncio.to_thread(look, store_settings)
    order = Kill(who="ada@ops", at=time.time())
    chosen = kill.choose(view, "report", (), ())
    (ending,) = await kill.end_runs(store_settings, view, chosen, order, wait=True)
    assert ending.open
    assert "has not ended on web-1 within" in ending.in_words(order.at)
