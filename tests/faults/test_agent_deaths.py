"""Agents die, freeze and come back: each tick is run once, made up, or on record."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import yaml
from aiohttp import web

from crony_ops.model.run import RunRecord, RunState
from tests.faults.scene import Scene, scene
from tests.integration.alerts.servers import http_server

TTL = 3
EACH_SECOND = "* * * * * *"


def jobs_of_every_kind(it: Scene) -> dict[str, dict[str, object]]:
    return {
        "report": it.noted(EACH_SECOND),
        "rerun": it.noted(EACH_SECOND, on_node_loss="rerun"),
        "slow": it.noted("*/2 * * * * *", 1.2, on_node_loss="rerun", concurrency="allow"),
        "all": it.noted(EACH_SECOND, misfire={"policy": "all"}),
        "skip": it.noted(EACH_SECOND, misfire={"policy": "skip"}),
        "pinned": it.noted(EACH_SECOND, run_on={"node": "node-1"}),
        "everywhere": it.noted(EACH_SECOND, run_on={"every": True}),
    }


async def running(it: Scene, jobs: dict[str, dict[str, object]]) -> None:
    async def every_job_has_started() -> bool:
        return {start.job for start in it.starts()} == set(jobs)

    await it.until(every_job_has_started, "every job runs")


async def test_after_kill_9_jobs_go_on_elsewhere_and_every_tick_is_accounted_for(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path, nodes=3) as it:
        jobs = jobs_of_every_kind(it)
        await it.sync(jobs)
        await running(it, jobs)
        victim = it.cluster.node("node-1")
        theirs = {job for job, nodes in (await it.cluster.holders()).items() if "node-1" in nodes}
        victim.kill()
        killed = time.time()
        moved = theirs - {"pinned", "everywhere"}

        def elsewhere() -> bool:
            return moved <= {s.job for s in it.starts() if s.at > killed and s.node != "node-1"}

        took = await it.until(elsewhere, "the first runs elsewhere")
        assert took <= TTL + 1.5
        victim.start()
        await it.settled()


async def test_a_restart_within_the_ttl_moves_nothing_and_adopts_what_runs(tmp_path: Path) -> None:
    async with scene(tmp_path, nodes=2, overrides={"node": {"ttl": 8}}) as it:
        jobs = {
            "each-second": it.noted(EACH_SECOND),
            "long": it.noted("*/20 * * * * *", 6, success={"exit_codes": [3]}),
        }
        await it.sync(jobs)
        await it.all_assigned(jobs)
        await it.until(
            lambda: any(s.job == "long" for s in it.starts()), "the long one runs", timeout=30
        )
        before = await it.cluster.holders()
        victim = it.cluster.node(await it.holder("long"))
        victim.restart()

        def reported() -> list[RunRecord]:
            runs = (r for r in it.evidence.records if isinstance(r, RunRecord))
            return [run for run in runs if run.job_id == "long"]

        await it.until(lambda: bool(reported()), "the adopted run's end")
        [record] = reported()
        assert record.state is RunState.failed, "its true exit status, 0, is none that it may have"
        assert record.attempts[0].exit_code == 0
        assert await it.cluster.holders() == before
        assert await it.failovers() == []
        await it.settled()


async def test_a_frozen_agent_starts_nothing_that_another_ran_and_takes_part_again(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path, nodes=2) as it:
        jobs = jobs_of_every_kind(it)
        await it.sync(jobs)
        await running(it, jobs)
        victim = it.cluster.node("node-1")
        victim.freeze()
        frozen = time.monotonic()
        await it.until(lambda: time.monotonic() - frozen > 3 * TTL, "three TTLs", timeout=30)
        victim.thaw()
        thawed = time.time()

        def has_its_own_again() -> bool:
            since = {s.job for s in it.starts() if s.node == "node-1" and s.tick > thawed}
            return since >= {"pinned", "everywhere"}

        await it.until(has_its_own_again, "what is bound to it runs again")
        await it.settled()
        it.cluster.node("node-2").kill()

        def takes_part() -> bool:
            return {s.job for s in it.starts() if s.node == "node-1" and s.at > thawed} >= set(jobs)

        await it.until(takes_part, "it takes part again")
        it.cluster.node("node-2").start()
        await it.settled()


async def test_an_agent_that_is_stopped_in_mid_request_ends_in_order(tmp_path: Path) -> None:
    over = asyncio.Event()

    async def wait(_: web.BaseRequest) -> web.StreamResponse:
        await over.wait()
        return web.Response()

    async with (
        http_server(wait) as endpoint,
        scene(tmp_path, nodes=1, overrides={"node": {"stop_grace": 0.5}}) as it,
    ):
        await it.sync({"asks": {"schedule": EACH_SECOND, "http": {"url": endpoint.url}}})
        requests = it.cluster.keys.procs_of(it.cluster.uuid("node-1"))

        async def it_is_told() -> bool:
            return await it.cluster.store.count(requests) > 0

        await it.until(it_is_told, "a request is under way")
        agent = it.cluster.node("node-1")
        await agent.terminate()
        over.set()
        assert agent.exit_status == 0, agent.log


async def test_a_stranger_under_the_same_name_waits_a_ttl_and_then_refuses(tmp_path: Path) -> None:
    async with scene(tmp_path, nodes=1) as it:
        [incarnation] = {n.incarnation for n in (await it.cluster.living_nodes()).values()}
        config = yaml.safe_load(it.cluster.folder.config("node-1").read_text())
        config["state_dir"] = str(tmp_path / "stranger")
        (tmp_path / "stranger.yaml").write_text(yaml.safe_dump(config))
        stranger = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "crony_ops.node.main"),
            *("--config", str(tmp_path / "stranger.yaml")),
            stderr=asyncio.subprocess.PIPE,
        )
        _, said = await asyncio.wait_for(stranger.communicate(), timeout=30)
        assert stranger.returncode == 1
        assert "is held by another live agent" in said.decode().splitlines()[-1]
        [unchanged] = {n.incarnation for n in (await it.cluster.living_nodes()).values()}
        assert unchanged == incarnation


async def test_two_agents_never_share_a_state_folder(tmp_path: Path) -> None:
    async with scene(tmp_path, nodes=1) as it:
        second = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "crony_ops.node.main"),
            *("--config", str(it.cluster.folder.config("node-1"))),
            stderr=asyncio.subprocess.PIPE,
        )
        _, said = await asyncio.wait_for(second.communicate(), timeout=30)
        assert second.returncode == 1
        assert "is in use by another agent" in said.decode()
        assert "Traceback" not in said.decode()
