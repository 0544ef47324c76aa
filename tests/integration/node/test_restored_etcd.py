"""A backup of etcd is put back: what has run since is not run again, and nothing stays open."""

from __future__ import annotations

import shutil
import time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from crony_ops.cli.restored import restore
from crony_ops.model.run import OpenRun, QueuedRun, RunRecord, RunState
from tests.faults.scene import Scene, scene

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from crony_ops.local.ledger import LedgerLine

EACH_SECOND = "* * * * * *"


def run_again(it: Scene) -> list[str]:
    """Ticks with two runs, but for those whose first was ended by its own node."""
    runs: dict[tuple[str, int, str], list[LedgerLine]] = {}
    for line in it.starts():
        runs.setdefault((line.job, line.tick, line.run.partition("@")[2]), []).append(line)
    fenced = {
        (record.job_id, record.run_id)
        for record in it.evidence.records
        if isinstance(record, RunRecord) and record.state is RunState.fenced
    }
    return [
        later.run
        for lines in runs.values()
        for earlier, later in pairwise(lines)
        if later.run == earlier.run or (earlier.job, earlier.run) not in fenced
    ]


def all_run_since(it: Scene, jobs: Iterable[str], since: float) -> Callable[[], bool]:
    return lambda: {line.job for line in it.starts() if line.at > since} >= set(jobs)


async def test_no_tick_is_run_again_and_what_was_open_is_closed(tmp_path: Path) -> None:
    async with scene(tmp_path, nodes=2) as it:
        jobs = {
            "report": it.noted(EACH_SECOND),
            "rerun": it.noted(EACH_SECOND, on_node_loss="rerun"),
            "all": it.noted(EACH_SECOND, misfire={"policy": "all"}),
            "pinned": it.noted(EACH_SECOND, run_on={"node": "node-1"}),
            "everywhere": it.noted(EACH_SECOND, run_on={"every": True}),
            "brief": it.noted("*/2 * * * * *", 1.5, on_node_loss="rerun", concurrency="allow"),
            "long": it.noted("*/10 * * * * *", 14, concurrency="allow"),
        }
        await it.sync(jobs)
        await it.until(lambda: {s.job for s in it.starts()} == set(jobs), "every job runs", 40)
        data, backup = it.cluster.folder.etcd_data, tmp_path / "backup"

        it.cluster.etcd.kill()
        shutil.copytree(data, backup)
        it.cluster.etcd.start()
        saved = time.time()
        await it.until(lambda: time.time() > saved + 8, "much is run since", 30)

        living = await it.cluster.living_nodes()
        it.cluster.etcd.kill()
        shutil.rmtree(data)
        shutil.move(backup, data)
        it.cluster.etcd.start()
        restored = time.time()
        incarnations = {name: node.incarnation for name, node in living.items()}

        async def all_registered_anew() -> bool:
            now = await it.cluster.living_nodes()
            return now.keys() == incarnations.keys() and all(
                now[name].incarnation != incarnations[name] for name in now
            )

        await it.until(all_registered_anew, "the nodes register again")
        await restore(it.cluster.settings)
        declared = time.time()
        await it.until(all_run_since(it, jobs, declared + 1), "every job goes on", 40)
        await it.until(lambda: time.time() > declared + 6, "more is run", 30)

        assert run_again(it) == []

        async def nothing_old_is_open() -> bool:
            entries = (await it.cluster.store.range(it.cluster.keys.opens)).entries
            return all(OpenRun.from_json(entry.value).tick > restored for entry in entries)

        await it.until(nothing_old_is_open, "what was open is closed", 30)
        across = {
            end.run
            for end in it.ledger()
            if end.job == "long" and end.event == "end" and end.at > declared
        }
        told = {
            record.run_id: record.state
            for record in it.evidence.records
            if isinstance(record, RunRecord) and record.job_id == "long"
        }
        assert across
        assert {told.get(run) for run in across} == {RunState.succeeded}


async def test_what_stands_in_the_queue_again_is_not_run_again(tmp_path: Path) -> None:
    async with scene(tmp_path, nodes=1) as it:
        keys, store = it.cluster.keys, it.cluster.store
        await it.sync({"job": it.noted("*/2 * * * * *")})
        await it.until(lambda: bool(it.ledger()), "it runs")
        first = it.starts()[0]
        queued = QueuedRun(run_id=first.run, tick=first.tick, reason="from the backup")
        await store.put(keys.queued("job", first.run), queued.to_json())

        async def dealt_with() -> bool:
            waiting = await store.count(keys.queue) + await store.count(keys.opens)
            return waiting == 0 and it.starts()[-1].tick > first.tick + 4

        await it.until(dealt_with, "it has left the queue")
        assert [line.run for line in it.starts()].count(first.run) == 1
