"""Runs of a job that come while others of it run: skipped, kept waiting or put in their place, and
each says so."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crony_ops.model.run import QueuedRun, RunRecord, RunState, rerun_id, tick_run_id
from tests.faults.scene import Scene, scene

if TYPE_CHECKING:
    from crony_ops.store import Entry

YEARLY = "0 0 1 1 *"


def records(it: Scene, job_id: str) -> list[RunRecord]:
    """Oldest first."""
    found = {r.run_id: r for r in it.evidence.records if isinstance(r, RunRecord)}
    return sorted((r for r in found.values() if r.job_id == job_id), key=lambda r: r.run_id)


async def test_runs_that_come_while_others_run_say_what_became_of_them(tmp_path: Path) -> None:
    go, began = tmp_path / "go", tmp_path / "began"
    jobs: dict[str, dict[str, Any]] = {
        "limited": {
            "schedule": "* * * * * *",
            "concurrency": "allow",
            "max_concurrent": 2,
            "shell": "sleep 600",
        },
        "replacing": {
            "schedule": "*/2 * * * * *",
            "concurrency": "replace",
            "shell": "sleep 600",
        },
        "waiting": {
            "schedule": YEARLY,
            "shell": f"touch {began}; while [ ! -e {go} ]; do sleep 0.1; done",
        },
    }
    async with scene(tmp_path, nodes=1) as it:
        await it.sync(jobs)
        await it.all_assigned(jobs)
        store, keys = it.cluster.store, it.cluster.keys
        await store.put(keys.once("waiting"), b"")
        await it.until(began.exists, "a run is in the way")
        tick = int(time.time())
        for run_id, rerun in ((tick_run_id(tick), 0), (rerun_id(tick, 1), 1)):
            queued = QueuedRun(run_id=run_id, tick=tick, reason="as a test wants it", rerun=rerun)
            await store.put(keys.queued("waiting", run_id), queued.to_json())

        await it.until(lambda: len(records(it, "limited")) >= 2, "two ticks found no slot")
        running = [entry.key.rpartition("/")[2] for entry in await opened(it, "limited")][:2]
        for skipped in records(it, "limited"):
            assert skipped.state is RunState.skipped
            assert skipped.reason == f"2 runs were still running: {', '.join(running)}"

        await it.until(lambda: len(records(it, "replacing")) >= 2, "two runs were replaced")
        first, second = records(it, "replacing")[:2]
        assert first.reason == f"replaced by {second.run_id}"
        assert second.reason.startswith("replaced by ")
        assert second.reason.endswith(f"; replaced {first.run_id}")

        await it.until(lambda: time.time() > tick + 1.5, "what waits is late")
        assert records(it, "waiting") == []
        go.touch()
        await it.until(lambda: len(records(it, "waiting")) == 3, "all have run")
        made_up, again = sorted(
            (r for r in records(it, "waiting") if r.tick == tick and r.kind == "queued"),
            key=lambda r: r.rerun,
        )
        (before,) = [r for r in records(it, "waiting") if r.kind == "once"]
        assert made_up.state is again.state is RunState.succeeded
        assert made_up.late > 1
        assert made_up.late_because.startswith("made up: waited for ")
        assert before.run_id in made_up.late_because or again.run_id in made_up.late_because
        assert again.late_because == "run again: as a test wants it"
        assert before.late == 0.0


async def test_a_tick_that_replaces_what_runs_replaces_what_waits_for_its_slot(
    tmp_path: Path,
) -> None:
    job = {"schedule": "*/2 * * * * *", "concurrency": "replace", "shell": "sleep 600"}
    async with scene(tmp_path, nodes=1) as it:
        await it.sync({"replacing": job})
        await it.until(
            lambda: bool(records(it, "replacing")), "runs are longer than their interval"
        )
        store, keys = it.cluster.store, it.cluster.keys
        tick = int(time.time()) - 60
        waiting = {tick_run_id(tick): 0, rerun_id(tick, 1): 1}
        for run_id, rerun in waiting.items():
            queued = QueuedRun(run_id=run_id, tick=tick, reason="as a test wants it", rerun=rerun)
            await store.put(keys.queued("replacing", run_id), queued.to_json())

        def ended() -> list[RunRecord]:
            return [r for r in records(it, "replacing") if r.run_id in waiting]

        await it.until(lambda: len(ended()) == 2, "both have an end", 10)
        others = {r.run_id for r in records(it, "replacing")} - set(waiting)
        others |= {entry.key.rpartition("/")[2] for entry in await opened(it, "replacing")}
        for record in ended():
            assert (record.state, record.started_at) == (RunState.skipped, None)
            assert record.reason in {f"replaced by {run} before it could start" for run in others}
        assert not (await store.range(keys.queue_of("replacing"))).entries


async def test_of_the_ticks_that_wait_for_a_run_that_will_not_end_only_the_newest_starts(
    tmp_path: Path,
) -> None:
    job = {
        "schedule": "* * * * * *",
        "concurrency": "replace",
        "shell": "trap '' TERM; while :; do sleep 0.1; done",
    }
    async with scene(tmp_path, nodes=1, overrides={"node": {"kill_grace": 4.0}}) as it:
        await it.sync({"stubborn": job})

        def killed() -> list[RunRecord]:
            return [r for r in records(it, "stubborn") if r.state is RunState.killed]

        await it.until(lambda: len(killed()) >= 2, "two runs were replaced", 40)
        first, second = killed()[:2]
        waited = [r for r in records(it, "stubborn") if first.tick < r.tick < second.tick]
        assert len(waited) >= 2
        for record, newer in pairwise([*waited, second]):
            assert (record.state, record.started_at) == (RunState.skipped, None)
            assert record.reason.startswith(f"replaced by {newer.run_id} before it could start")
        # What replaced the first never ran itself: the chain of reasons leads to what did.
        assert first.reason == f"replaced by {waited[0].run_id}"


async def opened(it: Scene, job_id: str) -> list[Entry]:
    prefix = f"{it.cluster.keys.open_on(it.cluster.uuid('node-1'))}{job_id}/"
    return sorted((await it.cluster.store.range(prefix)).entries, key=lambda entry: entry.key)
