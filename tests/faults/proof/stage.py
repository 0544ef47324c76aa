"""The stage of a run: the cluster with its jobs placed, the witnesses, and whoever acts on it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from crony_ops.local.waiting import wait_until
from tests.faults.proof.cluster import ProofCluster
from tests.faults.proof.history import LEDGER
from tests.faults.proof.jobs import Trade
from tests.faults.proof.nemesis.diary import Diary
from tests.faults.proof.nemesis.network import Network
from tests.faults.proof.nemesis.orders import People
from tests.faults.proof.nemesis.performance import Nemesis
from tests.faults.proof.nemesis.processes import Processes
from tests.faults.proof.nemesis.storage import Storage
from tests.faults.proof.recorder import Recorder
from tests.faults.proof.witness import witness

_PLACED_WITHIN = 60.0


@dataclass(frozen=True, slots=True)
class Stage:
    """``began``: unix seconds, before anything was recorded."""

    began: float
    cluster: ProofCluster
    diary: Diary
    recorder: Recorder
    people: People
    nemesis: Nemesis


@asynccontextmanager
async def staged(folder: Path, say: Callable[[str], None]) -> AsyncIterator[Stage]:
    """Every job is placed, and all is recorded in ``folder``, which is made or emptied of an
    earlier run's history. What orders print goes to a file there. Raises LocalClusterFailed."""
    ledger = _new_ledger(folder)
    say("starting three etcd members, two watchers and five agents")
    cluster = ProofCluster(folder / "cluster")
    async with witness(ledger) as url, cluster:
        with (
            (folder / "orders.log").open("w") as log,
            contextlib.redirect_stdout(log),
            contextlib.redirect_stderr(log),
        ):
            diary = Diary()
            recorder = Recorder(cluster.settings, cluster.keys.everything, folder)
            people = People(cluster, Trade(ledger, url), folder, diary)
            storage = Storage(cluster, recorder, diary)
            processes, network = Processes(cluster, diary), Network(cluster, diary)
            nemesis = Nemesis(processes, network, storage, people)
            began = time.time()
            async with asyncio.TaskGroup() as group:
                recording = group.create_task(recorder.run())
                await people.sync(first="yes")
                await wait_until(lambda: all_placed(cluster), "all jobs are placed", _PLACED_WITHIN)
                say(f"{len(people.wanted)} jobs are placed")
                yield Stage(began, cluster, diary, recorder, people, nemesis)
                recording.cancel()


def _new_ledger(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    ledger = folder.absolute() / LEDGER
    ledger.unlink(missing_ok=True)
    return ledger


async def all_placed(cluster: ProofCluster) -> bool:
    """Whether there are jobs, and each has a node. Raises StoreError."""
    keys = cluster.keys
    wanted = {
        entry.key.removeprefix(keys.specs)
        for entry in (await cluster.store.range(keys.specs, keys_only=True)).entries
    }
    assigned = (await cluster.store.range(keys.jobs, keys_only=True)).entries
    return wanted == {entry.key.rpartition("/")[2] for entry in assigned} and bool(wanted)
