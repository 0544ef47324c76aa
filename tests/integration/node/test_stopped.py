"""An agent that is stopped in order brings what it had under way to an end."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from crony_ops.local.waiting import wait_until
from crony_ops.model.job import Job
from crony_ops.model.run import RunRecord, RunState
from crony_ops.model.spec import Assignment, Cursor
from crony_ops.node.settings import NodeSettings
from crony_ops.store import Etcd
from tests.faults.proof.proxy import Link, Way
from tests.integration.node.an_agent import an_agent

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from crony_ops.store import EtcdSettings
    from crony_ops.store.keys import Keys
    from tests.etcd_server import EtcdServer


async def test_a_tick_whose_claim_is_on_its_way_when_the_agent_is_stopped_is_run(
    etcd: Etcd,
    keys: Keys,
    store_settings: EtcdSettings,
    shared_etcd: EtcdServer,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings = NodeSettings(etcd=store_settings, name="n", state_dir=tmp_path)
    job = Job.model_validate({"schedule": "*/3 * * * * *", "shell": "true"})
    await etcd.put(keys.cursor("j"), Cursor(tick=int(time.time())).to_json())
    given = Assignment(job=job, sha256="s", spec_revision=1).to_json()
    await etcd.put(keys.job(settings.identity, "j"), given)
    stop, opened = asyncio.Event(), list[str]()
    caplog.set_level(logging.INFO, "crony_ops.node.agent")

    async def it_is_open() -> bool:
        opened[:] = [entry.key for entry in (await etcd.range(keys.opens)).entries]
        return bool(opened)

    async def one_has_run() -> bool:
        told = await etcd.count(keys.runs)
        return told > 0 and agent.vitals().runs_under_way == 0

    async with Link("agent", shared_etcd.client_port) as link:
        through = store_settings.model_copy(update={"endpoints": (f"127.0.0.1:{link.port}",)})
        async with Etcd(through) as its_etcd, an_agent(settings, its_etcd, stop) as agent:
            await wait_until(one_has_run, "the agent is at work")
            link.stall(Way.down)
            await wait_until(it_is_open, "the next tick is claimed")
            assert agent.vitals().runs_under_way == 0
            stop.set()
            await wait_until(lambda: "stopping" in caplog.text, "the agent is stopping")
            link.heal()
    (key,) = opened
    record = await etcd.get(keys.run("j", key.rpartition("/")[2]))
    assert record is not None
    assert RunRecord.from_json(record.value).state is RunState.succeeded
    assert not (await etcd.range(keys.opens)).entries
