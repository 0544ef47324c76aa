"""What is told of the processes that run on a node."""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING

import pytest

from crony_ops.model.run import OpenRun, tick_run_id
from crony_ops.node.execution.process import spawn
from crony_ops.node.runs import processes
from crony_ops.node.runs.processes import ProcessKeys
from crony_ops.store import Etcd, EtcdSettings
from crony_ops.store.keys import Keys
from tests.etcd_server import EtcdServer, etcd_binaries, memory_folder
from tests.faults.proof.proxy import Link, Way

if TYPE_CHECKING:
    from collections.abc import Iterator

RUN = OpenRun(run_id=tick_run_id(60), job_id="j", tick=60, node="n", incarnation=1)


@pytest.fixture
def server() -> Iterator[EtcdServer]:
    server = EtcdServer(next(iter(etcd_binaries().values())), memory_folder())
    try:
        yield server.start()
    finally:
        server.remove()


@pytest.mark.parametrize("ends", [True, False])
async def test_a_process_is_told_of_as_long_as_it_runs_whatever_answer_was_lost(
    server: EtcdServer, monkeypatch: pytest.MonkeyPatch, ends: bool
) -> None:
    monkeypatch.setattr(processes, "SETTLED_AFTER", 0.5)
    key = Keys().proc("n", "j", 4711)
    async with (
        asyncio.timeout(30),
        Etcd(EtcdSettings(endpoints=(server.endpoint,))) as etcd,
        Link("n>etcd", int(server.endpoint.rpartition(":")[2])) as link,
        Etcd(EtcdSettings(endpoints=(f"127.0.0.1:{link.port}",), request_timeout=1.0)) as own,
    ):
        lease = await own.grant(60)
        async with asyncio.TaskGroup() as group:
            hooks = ProcessKeys(own, Keys(), "n", lambda: lease, group).hooks(RUN)
            link.stall(Way.down)
            hooks["on_process"](4711, 1, "sleep 60")
            while await etcd.get(key) is None:  # noqa: ASYNC110 - its answer is lost
                await asyncio.sleep(0.05)
            link.cut()
            if ends:
                hooks["on_process_end"](4711)
                await asyncio.sleep(1.5)  # to take the key away has been given up
            link.heal()
        assert (await etcd.get(key) is None) is ends


async def test_a_process_from_before_a_restart_is_told_of_once_its_agent_is_registered(
    server: EtcdServer,
) -> None:
    key, lease = Keys().proc("n", "j", 4711), 0
    async with (
        asyncio.timeout(30),
        Etcd(EtcdSettings(endpoints=(server.endpoint,))) as etcd,
        asyncio.TaskGroup() as group,
    ):
        told = ProcessKeys(etcd, Keys(), "n", lambda: lease, group)
        told.hooks(RUN)["on_process"](4711, 1, "sleep 60")
        await asyncio.sleep(3 * processes.TOLD_AFTER)
        assert await etcd.get(key) is None  # on no lease it would stay for ever
        lease = await etcd.grant(60)
        told.tell_again()
        while (entry := await etcd.get(key)) is None:  # noqa: ASYNC110 - etcd tells nobody
            await asyncio.sleep(0.05)
        assert entry.lease == lease


async def test_nobody_is_told_of_a_process_that_ended_while_the_agent_was_busy(
    server: EtcdServer,
) -> None:
    async with (
        asyncio.timeout(30),
        Etcd(EtcdSettings(endpoints=(server.endpoint,))) as etcd,
        asyncio.TaskGroup() as group,
    ):
        lease = await etcd.grant(60)
        before = await etcd.head()
        hooks = ProcessKeys(etcd, Keys(), "n", lambda: lease, group).hooks(RUN)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        process = spawn(["bash", "-c", "true"], cwd="/", env=dict(os.environ), output=nowhere)
        os.close(nowhere)
        hooks["on_process"](process.pid, 1, "true")
        time.sleep(2 * processes.TOLD_AFTER)  # noqa: ASYNC251 - as to start a thousand others does
        await process.ended
        hooks["on_process_end"](process.pid)
        process.close()
        await asyncio.sleep(0.1)
        assert await etcd.head() == before
