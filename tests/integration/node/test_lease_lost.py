"""A lease that etcd has ended before its time, and a node that can't have its key back at once."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from crony_ops.local.waiting import wait_until
from crony_ops.model.job import Job
from crony_ops.model.run import RunRecord, RunState
from crony_ops.model.spec import Assignment, Cursor
from crony_ops.node.settings import NodeSettings
from tests.integration.node.an_agent import an_agent

if TYPE_CHECKING:
    from pathlib import Path

    from crony_ops.store import Etcd, EtcdSettings
    from crony_ops.store.keys import Keys


async def test_the_lease_that_follows_vouches_for_no_run_of_the_one_that_is_gone(
    etcd: Etcd, keys: Keys, store_settings: EtcdSettings, tmp_path: Path
) -> None:
    settings = NodeSettings(etcd=store_settings, name="n", state_dir=tmp_path / "state")
    begun, key = tmp_path / "begun", keys.node(settings.identity)
    job = Job.model_validate(
        {"schedule": "0 0 1 1 *", "on_node_loss": "rerun", "shell": f"touch {begun}; sleep 600"}
    )
    given = Assignment(job=job, sha256="s", spec_revision=1).to_json()
    await etcd.put(keys.cursor("j"), Cursor(tick=int(time.time())).to_json())
    await etcd.put(keys.job(settings.identity, "j"), given)
    await etcd.put(keys.once("j"), b"")

    async def one_is_told() -> bool:
        return await etcd.count(keys.runs) > 0

    async def registered_anew() -> bool:
        now = await etcd.get(key)
        return now is not None and now.lease != 0

    async with an_agent(settings, etcd):
        await wait_until(begun.exists, "it runs")
        node = await etcd.get(key)
        assert node is not None
        gone = time.time()
        await etcd.revoke(node.lease)
        # What holds the key now is never gone by itself; the node waits for that a TTL long.
        await etcd.put(key, node.value)
        await wait_until(one_is_told, "the run has ended")
        await etcd.delete(key)
        await wait_until(registered_anew, "the node is back")
    (entry,) = (await etcd.range(keys.runs)).entries
    record = RunRecord.from_json(entry.value)
    assert record.state is RunState.fenced
    heard_after = settings.ttl / 3
    assert record.ended_at - gone < heard_after + 3
