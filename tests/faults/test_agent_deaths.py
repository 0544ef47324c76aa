"""Agents die, freeze and come back: each tick is run once, made up, or on record."""

from __future__ import annotations

import time
from pathlib import Path

from tests.faults.scene import Scene, scene

TTL = 3
EACH_SECOND = "* * * * * *"


def jobs_of_every_kind(it: Scene) -> dict[str, dict[str, object]]:
    return {
        "report": it.noted(EACH_SECOND),
        "rerun": it.noted(EACH_SECOND, on_node_loss="rerun"),
        "slow": it.noted("*/2 * * * * *", "sleep 1.2", on_node_loss="rerun", concurrency="allow"),
        "all": it.noted(EACH_SECOND, misfire={"policy": "all"}),
        "skip": it.noted(EACH_SECOND, misfire={"policy": "skip"}),
        "pinned": it.noted(EACH_SECOND, run_on={"node": "node-1"}),
    }


async def running(it: Scene, jobs: dict[str, dict[str, object]]) -> None:
    async def every_job_has_started() -> bool:
        return {start.job for start in it.starts()} == set(jobs)

    await it.until(every_job_has_started, "every job runs")


async def settled(it: Scene, jobs: dict[str, dict[str, object]], since: int) -> None:
    """Some seconds on, every tick is accounted for, and none was run twice."""
    until = int(time.time())
    missing: dict[str, list[int]] = {}

    def accounted() -> bool:
        for job_id, job in jobs.items():
            missing[job_id] = it.unaccounted(job_id, str(job["schedule"]), since, until)
        return not any(missing.values())

    try:
        await it.until(accounted, "every tick is accounted for", timeout=25)
    finally:
        assert not any(missing.values()), f"unaccounted in ({since}, {until}]: {missing}"
    assert it.run_twice() == []


async def test_after_kill_9_jobs_go_on_elsewhere_and_every_tick_is_accounted_for(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path, nodes=3) as it:
        jobs = jobs_of_every_kind(it)
        await it.sync(jobs)
        await running(it, jobs)
        since = int(time.time())
        victim = it.cluster.node("node-1")
        theirs = {job for job, nodes in (await it.cluster.holders()).items() if "node-1" in nodes}
        victim.kill()
        killed = time.time()
        moved = theirs - {"pinned"}

        def elsewhere() -> bool:
            return moved <= {s.job for s in it.starts() if s.at > killed and s.node != "node-1"}

        took = await it.until(elsewhere, "the first runs elsewhere")
        assert took <= TTL + 1.5
        victim.start()
        await settled(it, jobs, since)


async def test_a_restart_within_the_ttl_moves_nothing_and_adopts_what_runs(tmp_path: Path) -> None:
    async with scene(tmp_path, nodes=2, overrides={"node": {"ttl": 8}}) as it:
        jobs = {
            "each-second": it.noted(EACH_SECOND),
            "long": it.noted("*/20 * * * * *", "sleep 6; exit 3"),
        }
        await it.sync(jobs)
        await it.all_assigned(jobs)
        await it.until(
            lambda: any(s.job == "long" for s in it.starts()), "the long one runs", timeout=30
        )
        since = int(time.time())
        before = await it.cluster.holders()
        victim = it.cluster.node(await it.holder("long"))
        victim.restart()

        def reported() -> bool:
            return any(job == "long" for job, _ in it.records)

        await it.until(reported, "the adopted run's end")
        [record] = [r for (job, _), r in it.records.items() if job == "long"]
        assert record.model_dump()["state"] == "failed"
        assert record.model_dump()["attempts"][0]["exit_code"] == 3
        assert await it.cluster.holders() == before
        assert await it.failovers() == []
        del jobs["long"]
        await settled(it, jobs, since)


async def test_a_frozen_agent_starts_nothing_that_another_ran_and_takes_part_again(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path, nodes=2) as it:
        jobs = jobs_of_every_kind(it)
        del jobs["pinned"]
        await it.sync(jobs)
        await running(it, jobs)
        since = int(time.time())
        victim = it.cluster.node("node-1")
        victim.freeze()
        frozen = time.monotonic()
        await it.until(lambda: time.monotonic() - frozen > 3 * TTL, "three TTLs", timeout=30)
        victim.thaw()
        thawed = time.time()

        async def registered() -> bool:
            return "node-1" in await it.cluster.living_nodes()

        await it.until(registered, "it registers again")
        await settled(it, jobs, since)
        it.cluster.node("node-2").kill()

        def takes_part() -> bool:
            return {s.job for s in it.starts() if s.node == "node-1" and s.at > thawed} >= set(jobs)

        await it.until(takes_part, "it takes part again")
        await settled(it, jobs, since)
