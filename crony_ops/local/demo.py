"""`make demo`: a cluster, a node and a leader that are killed, and an audit of every tick.

Unattended; the exit status is 0 only if every tick is accounted for and none was run twice.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from crony_ops.catalog import load_catalog
from crony_ops.catalog.presets import find_presets, scripts_for
from crony_ops.errors import CronyError, LocalClusterFailed
from crony_ops.local.audit import Audit, Fate, audit
from crony_ops.local.cluster import LocalCluster
from crony_ops.local.evidence import Evidence
from crony_ops.local.ledger import LedgerLine, ledger_job, read_ledger

if TYPE_CHECKING:
    from crony_ops.model.spec import Spec

FOLDER = Path(".crony/demo")
JOBS = Path("jobs")
# Where the shipped jobs look for etcd.
_USUAL_PORTS = (2379, 2380)
_SLOW = ("slow", "slow-too")
_CALM, _AFTERMATH = 15.0, 10.0


def say(words: str) -> None:
    now = time.time()
    moment = f"{time.strftime('%H:%M:%S', time.localtime(now))}.{int(now * 10) % 10}"
    sys.stdout.write(f"{moment}  {words}\n")
    sys.stdout.flush()


def ledger_jobs(ledger: Path) -> dict[str, dict[str, Any]]:
    """A bit of everything that a schedule, a place and a policy can be."""
    every_tick = {"policy": "all", "grace": "2m"}
    return {
        "each-second": ledger_job(ledger, "* * * * * *", on_node_loss="rerun", misfire=every_tick),
        "each-second-too": ledger_job(
            ledger, "* * * * * *", on_node_loss="rerun", misfire=every_tick
        ),
        "even-seconds": ledger_job(ledger, "*/2 * * * * *"),
        "every-3s": ledger_job(ledger, "@every 3s", misfire={"policy": "skip"}),
        "on-every-node": ledger_job(ledger, "*/2 * * * * *", run_on={"every": True}),
        "pinned": ledger_job(ledger, "*/2 * * * * *", run_on={"node": "node-1"}),
        "slow": ledger_job(ledger, "*/6 * * * * *", seconds=4, on_node_loss="rerun"),
        "slow-too": ledger_job(ledger, "3-59/6 * * * * *", seconds=4, on_node_loss="rerun"),
    }


class Demo:
    def __init__(self, cluster: LocalCluster, ledger: Path) -> None:
        self._cluster = cluster
        self._ledger = ledger
        self._specs: Mapping[str, Spec] = {}
        self._victim = ""
        self._victim_jobs: set[str] = set()
        self._killed_at = 0.0

    async def play(self) -> bool:
        """True if all is well."""
        cluster = self._cluster
        say("starting etcd, two watchers and three nodes")
        async with cluster, asyncio.TaskGroup() as group:
            say(f"up: {await cluster.leader()} leads, etcd is on {cluster.settings.addresses[0]}")
            evidence = Evidence(cluster.store, cluster.keys)
            watching = group.create_task(evidence.run())
            await evidence.synced()
            await self._sync()
            say(f"letting them run for {_CALM:.0f} s")
            await asyncio.sleep(_CALM)
            await self._kill_a_node()
            await self._kill_the_leader()
            await self._bring_the_node_back()
            say(f"letting them run for another {_AFTERMATH:.0f} s")
            await asyncio.sleep(_AFTERMATH)
            stopped_at = await self._stop_the_nodes(evidence)
            watching.cancel()
        return self._sum_up(evidence, stopped_at)

    async def _sync(self) -> None:
        cluster = self._cluster
        own = cluster.folder.path / "jobs" / "ledger.yaml"
        own.parent.mkdir()
        own.write_text(yaml.safe_dump({"jobs": ledger_jobs(self._ledger)}, sort_keys=False))
        catalog = load_catalog([JOBS, own], presets=_presets())
        if catalog.problems:
            raise LocalClusterFailed(reason="; ".join(map(str, catalog.problems)))
        mine = ledger_jobs(self._ledger)
        self._specs = {job_id: catalog.specs[job_id] for job_id in mine}
        await cluster.sync(catalog)
        say(f"{len(catalog.specs)} jobs synced; {len(mine)} of them keep a ledger of their own")

        async def placed() -> bool:
            return catalog.specs.keys() <= (await cluster.holders()).keys()

        await cluster.wait_until(placed, "every job has a node")
        for name in sorted(await cluster.living_nodes()):
            say(f"  {name} holds {', '.join(await self._ledger_jobs_on(name))}")

    async def _ledger_jobs_on(self, name: str) -> list[str]:
        holders = await self._cluster.holders()
        return sorted(job for job in self._specs if name in holders.get(job, ()))

    async def _kill_a_node(self) -> None:
        """The busier holder of a slow job, in the middle of a run of it."""
        cluster = self._cluster
        holders = await cluster.holders()
        jobs_on = {holders[job][0]: await self._ledger_jobs_on(holders[job][0]) for job in _SLOW}
        self._victim, jobs = max(jobs_on.items(), key=lambda item: len(item[1]))

        def is_running() -> bool:
            lines = [n for n in self._lines() if n.job in _SLOW and n.node == self._victim]
            return bool(lines) and lines[-1].event == "start" and time.time() - lines[-1].at > 1

        await cluster.wait_until(is_running, "a run of the slow job is under way")
        self._victim_jobs = {job for job in jobs if not self._specs[job].job.run_on.bound}
        cluster.node(self._victim).kill()
        self._killed_at = time.time()
        say(f"kill -9 {self._victim}, which holds {', '.join(jobs)}")

        async def moved() -> bool:
            holders = await cluster.holders()
            return all(self._victim not in holders.get(job, ()) for job in self._victim_jobs)

        await cluster.wait_until(moved, "its jobs have moved")
        say(f"  {len(self._victim_jobs)} of its ledger jobs have moved")
        await cluster.wait_until(lambda: self._first_elsewhere() is not None, "one of them runs")
        say(f"  the first of them ran elsewhere {self._first_elsewhere():.1f} s after the kill")

    def _first_elsewhere(self) -> float | None:
        """Seconds from the kill to the first run of a moved job on another node."""
        starts = (
            line.at - self._killed_at
            for line in self._lines()
            if line.event == "start"
            and line.job in self._victim_jobs
            and line.node != self._victim
            and line.at > self._killed_at
        )
        return min(starts, default=None)

    async def _kill_the_leader(self) -> None:
        cluster = self._cluster
        await asyncio.sleep(2)
        old = await cluster.leader()
        killed = next(watcher for watcher in cluster.watchers if watcher.name == old)
        killed.kill()
        began = time.time()
        say(f"kill -9 {old}, which leads")

        async def another() -> bool:
            return await cluster.leader() not in ("", old)

        await cluster.wait_until(another, "the other watcher leads")
        say(f"  {await cluster.leader()} leads {time.time() - began:.1f} s later")

    async def _bring_the_node_back(self) -> None:
        cluster, node = self._cluster, self._cluster.node(self._victim)
        node.start()
        say(f"{node.name} is started again")

        async def back() -> bool:
            living = await cluster.living_nodes()
            return node.name in living and living[node.name].pid == node.pid

        await cluster.wait_until(back, f"{node.name} is back")
        say(f"  {node.name} is back, and accounts for what only it could have run")

    async def _stop_the_nodes(self, evidence: Evidence) -> float:
        """Returns when, in unix seconds. In order: what is claimed runs to its end."""
        cluster = self._cluster
        await cluster.wait_until(
            lambda: not any("/queue/" in key for key in evidence.pending), "the queues are empty"
        )
        stopped_at = time.time()
        say("stopping the nodes in order: they claim nothing more, and end what runs")
        await asyncio.gather(*(node.terminate(15) for node in cluster.nodes))
        await cluster.wait_until(lambda: not evidence.pending, "every run is at its end")
        return stopped_at

    def _sum_up(self, evidence: Evidence, stopped_at: float) -> bool:
        names = {self._cluster.uuid(node.name): node.name for node in self._cluster.nodes}
        series = evidence.series(self._specs, names, stopped_at)
        result = audit(series, self._lines(), evidence.records)
        sys.stdout.write("\n" + "\n".join(report(result, self._first_elsewhere())) + "\n")
        return result.sound

    def _lines(self) -> list[LedgerLine]:
        return read_ledger(self._ledger.read_text().splitlines()) if self._ledger.exists() else []


def report(result: Audit, failover: float | None) -> Iterable[str]:
    """What people read at the end."""
    counts = result.counts
    yield "What the jobs wrote down themselves, held against the records in etcd:"
    yield f"  {len(result.accounts):5} ticks expected"
    for fate in Fate:
        yield f"  {counts[fate]:5} {fate}"
        if fate not in (Fate.on_time, Fate.made_up, Fate.rerun, Fate.unaccounted):
            for (job_id, reason), count in sorted(result.reasons(fate).items()):
                yield f"          {count} x {job_id}: {reason}"
    yield f"  {len(result.twice):5} run twice"
    if failover is not None:
        yield f"  {failover:5.1f} s from the node's death to the first run of its jobs elsewhere"
    for words in (
        *result.twice,
        *result.wrong,
        *(f"{a.job_id} {a.node}: tick {a.tick} is unaccounted for" for a in result.unaccounted),
    ):
        yield f"  WRONG: {words}"
    yield ""
    yield (
        "Every tick is accounted for, and none was run twice."
        if result.sound
        else "NOT every tick is as it should be."
    )


def _presets() -> Path | None:
    return find_presets(JOBS.absolute(), Path.cwd())


def main() -> int:
    cluster = LocalCluster(
        FOLDER,
        watchers=2,
        presets=scripts_for(load_catalog(JOBS, presets=_presets()).specs.values(), _presets()),
        overrides={"node": {"keep_runs": 1000}},
        ports=_USUAL_PORTS,
        fresh=True,
    )
    try:
        return 0 if asyncio.run(Demo(cluster, cluster.folder.path / "ledger.jsonl").play()) else 1
    except* CronyError as group:
        say(f"the demo failed: {group.exceptions[0]}; logs are in {cluster.folder.path / 'log'}")
    except* KeyboardInterrupt:
        say("interrupted")
    return 1


if __name__ == "__main__":
    sys.exit(main())
