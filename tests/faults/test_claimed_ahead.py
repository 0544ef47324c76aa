"""An agent that dies between a claim and its second: the tick is lost and on record, and run again
where its job wants that."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from crony_ops.model.run import OpenRun, RunRecord, RunState, rerun_id, tick_run_id
from tests.faults.scene import Scene, scene

AHEAD = 0.2
"""Seconds before its second that a tick must still be, so that the agent dies in time."""
JOBS = ("report", "rerun")


async def claimed_in_etcd(it: Scene) -> dict[str, int]:
    """The newest tick of each job that is open, by job id."""
    found = (await it.cluster.store.range(it.cluster.keys.opens)).entries
    runs = [OpenRun.from_json(entry.value) for entry in found]
    return {run.job_id: run.tick for run in sorted(runs, key=lambda run: run.tick)}


async def claimed_in_the_journal(it: Scene) -> dict[str, int]:
    path = it.cluster.folder.state("node-1") / "journal.db"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as journal:
        return dict(journal.execute("SELECT job_id, tick FROM offline"))


@pytest.mark.parametrize("etcd", ["there", "away"])
async def test_a_tick_whose_agent_dies_before_its_second_is_lost_and_on_record(
    tmp_path: Path, etcd: str
) -> None:
    async with scene(tmp_path, nodes=1) as it:
        jobs = {
            name: it.noted("*/4 * * * * *", run_on={"node": "node-1"}, on_node_loss=name)
            for name in JOBS
        }
        await it.sync(jobs)
        await it.until(lambda: {s.job for s in it.starts()} == set(JOBS), "both run")
        agent, claimed = it.cluster.node("node-1"), claimed_in_etcd
        if etcd == "away":
            it.cluster.etcd.kill()
            claimed = claimed_in_the_journal
        tick = 0

        async def killed_in_time() -> bool:
            nonlocal tick
            ticks = set((found := await claimed(it)).values())
            if set(found) != set(JOBS) or len(ticks) > 1 or min(ticks) - time.time() < AHEAD:
                return False
            agent.kill()
            tick = ticks.pop()
            return True

        await it.until(killed_in_time, "both are claimed ahead, and their agent is killed", 40)
        if etcd == "away":
            it.cluster.etcd.start()
        agent.start()

        def ends() -> dict[tuple[str, str], RunState]:
            records = [r for r in it.evidence.records if isinstance(r, RunRecord)]
            return {(r.job_id, r.run_id): r.state for r in records if r.tick == tick}

        await it.until(lambda: len(ends()) >= 3, "their ends, and that of the repetition", 40)
        assert ends() == {
            ("report", tick_run_id(tick)): RunState.lost,
            ("rerun", tick_run_id(tick)): RunState.lost,
            ("rerun", rerun_id(tick, 1)): RunState.succeeded,
        }
        assert [s.run for s in it.starts() if s.tick == tick] == [rerun_id(tick, 1)]
        await it.settled()
