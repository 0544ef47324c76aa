"""An agent goes on with etcd once it is back, however much its jobs have to do meanwhile."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from crony_ops.local.waiting import wait_until
from crony_ops.model.spec import Cursor
from crony_ops.node.journal import Journal, Pinned
from crony_ops.node.metrics import NodeMetrics
from crony_ops.node.ticks.claims import Claimant
from crony_ops.node.ticks.offline import Offline
from crony_ops.node.ticks.timetable import Timetable
from crony_ops.store import Batcher, Etcd, EtcdSettings
from tests.faults.proof.proxy import Link
from tests.integration.store.conftest import running

if TYPE_CHECKING:
    from pathlib import Path

    from crony_ops.store.keys import Keys

TICK = 1_800_000_000
JOBS = [f"j{number}" for number in range(40)]
DELAY = 0.04
"""Seconds each way: one job after the other would take ten times as long as there is."""


async def test_jobs_that_are_due_each_second_do_not_keep_a_node_from_coming_back(
    etcd: Etcd, keys: Keys, store_settings: EtcdSettings, tmp_path: Path
) -> None:
    journal, me = Journal(tmp_path), Claimant(keys, "u", "n", 1)
    for job_id in JOBS:
        at = await etcd.put(keys.cursor(job_id), Cursor(tick=TICK).to_json())
        journal.remember_pinned(Pinned(job_id, keys.job("u", job_id), b"{}", 1, TICK, at))
        journal.pass_offline(job_id, TICK + 1)

    async def each_second() -> None:
        tick = TICK + 1
        while True:
            await asyncio.sleep(1)
            tick += 1
            for job_id in JOBS:
                journal.pass_offline(job_id, tick)

    [address] = store_settings.addresses
    async with Link("etcd", int(address.rpartition(":")[2])) as link:
        slow = EtcdSettings(endpoints=(f"127.0.0.1:{link.port}",))
        async with Etcd(slow) as behind_it:
            link.slow_down(DELAY)
            batcher, nothing = Batcher(behind_it), _nothing()
            offline = Offline(
                behind_it,
                batcher,
                journal,
                nothing,
                nothing,
                Timetable(),
                NodeMetrics(),
                me=me,
                claimant=lambda: me,
                claim_ahead=1.0,
                on_change=lambda: None,
            )
            async with running(batcher.run()), running(each_second()), running(offline.run()):
                await wait_until(lambda: not offline.on, "the node is back")
    journal.close()


def _nothing() -> Any:
    """Where runs are started and ended: none is."""
    return None
