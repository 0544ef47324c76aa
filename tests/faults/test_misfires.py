"""Each misfire policy in life: what was due while the agent or etcd was away, while the job was
paused, and when it is edited. tests/unit/node/test_misfires.py has the whole table."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from crony_ops.cli.pause import resume_jobs
from crony_ops.model.node import Pause
from crony_ops.model.run import GapRecord, RunKind, RunRecord
from crony_ops.schedule import parse_schedule
from tests.faults.scene import Scene, scene

EVERY_OTHER = "*/2 * * * * *"
AWAY = 9.0
POLICIES: dict[str, dict[str, Any]] = {
    "skip": {"policy": "skip"},
    "latest": {"policy": "latest"},
    "all": {"policy": "all"},
    "three": {"policy": "all", "max": 3},
    "brief": {"policy": "all", "grace": 3},
}


def jobs(it: Scene, schedule: str = EVERY_OTHER) -> dict[str, dict[str, Any]]:
    return {
        name: it.noted(schedule, misfire=misfire, concurrency="allow")
        for name, misfire in POLICIES.items()
    }


async def all_run(it: Scene, since: float = 0.0) -> None:
    await it.until(
        lambda: {line.job for line in it.starts() if line.at > since} >= set(POLICIES),
        "every job runs",
        40,
    )


def missed_ticks(it: Scene, job_id: str) -> list[int]:
    """What stands in gaps."""
    schedule = parse_schedule(EVERY_OTHER, timezone="UTC", job_id=job_id)
    return [
        tick
        for record in it.evidence.records
        if isinstance(record, GapRecord) and record.job_id == job_id
        for tick in schedule.between(record.first - 1, record.last)
    ]


def made_up_ticks(it: Scene, job_id: str) -> list[int]:
    return sorted(
        record.tick
        for record in it.evidence.records
        if isinstance(record, RunRecord)
        and record.job_id == job_id
        and record.kind is RunKind.queued
    )


async def away_for_a_while(it: Scene, what: str) -> None:
    child = it.cluster.etcd if what == "etcd" else it.cluster.node("node-1")
    child.kill()
    gone = time.time()
    await it.until(lambda: time.time() > gone + AWAY, "it is away for a while", 2 * AWAY)
    child.start()


@pytest.mark.parametrize("what", ["agent", "etcd"])
async def test_what_was_due_meanwhile_is_made_up_or_on_record_as_the_job_wants_it(
    tmp_path: Path, what: str
) -> None:
    async with scene(tmp_path, nodes=1) as it:
        await it.sync(jobs(it))
        await all_run(it)
        await away_for_a_while(it, what)
        await all_run(it, since=time.time() + 2)
        await it.settled()
        made_up = {name: made_up_ticks(it, name) for name in POLICIES}
        missed = {name: missed_ticks(it, name) for name in POLICIES}
        assert made_up["skip"] == []
        assert len(missed["skip"]) >= 3
        assert [len(made_up[name]) for name in ("latest", "three")] == [1, 3]
        assert missed["all"] == []
        assert len(made_up["all"]) >= 3
        assert made_up["brief"]
        assert missed["brief"]
        for name in POLICIES:
            assert not set(made_up[name]) & set(missed[name])
            assert all(gap < tick for gap in missed[name] for tick in made_up[name])


async def test_while_no_watcher_runs_all_is_on_time(tmp_path: Path) -> None:
    async with scene(tmp_path, nodes=1) as it:
        await it.sync(jobs(it))
        await all_run(it)
        it.cluster.watcher(1).kill()
        gone = time.time()
        await all_run(it, since=gone + AWAY)
        it.cluster.watcher(1).start()
        await it.settled()
        for name in POLICIES:
            assert made_up_ticks(it, name) == missed_ticks(it, name) == []


async def test_what_a_pause_or_an_edit_leaves_out_is_never_made_up(tmp_path: Path) -> None:
    async with scene(tmp_path, nodes=1) as it:
        await it.sync(jobs(it))
        await all_run(it)
        for name in POLICIES:
            pause = Pause(who="ann", at=time.time())
            await it.cluster.store.put(it.cluster.keys.pause(name), pause.to_json())
        paused = time.time()
        await it.until(lambda: time.time() > paused + AWAY, "a pause", 2 * AWAY)
        await resume_jobs(it.cluster.settings, list(POLICIES))
        resumed = time.time()
        await all_run(it, since=resumed)
        during = [line for line in it.starts() if paused + 2 < line.tick < int(resumed)]
        assert during == []
        await it.sync(jobs(it, schedule="1-59/2 * * * * *"))
        await all_run(it, since=time.time() + 3)
        for name in POLICIES:
            assert made_up_ticks(it, name) == missed_ticks(it, name) == []
