"""The stage of a run: the cluster, the witness of HTTP jobs, and the people who give orders."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from crony_ops.local.waiting import wait_until
from tests.faults.proof.cluster import EVERYTHING, ProofCluster
from tests.faults.proof.history import LEDGER
from tests.faults.proof.jobs import Trade
from tests.faults.proof.nemesis.diary import Diary
from tests.faults.proof.nemesis.orders import People
from tests.faults.proof.witness import witness

_PLACED_WITHIN = 60.0


@dataclass(frozen=True, slots=True)
class Stage:
    """``diary``: what was done to the cluster, people's orders among it."""

    cluster: ProofCluster
    diary: Diary
    people: People

    async def place_jobs(self) -> None:
        """The first sync, and wait until each job has a node. Raises LocalClusterFailed,
        StoreError."""
        await self.people.sync(first="yes")
        await wait_until(lambda: all_placed(self.cluster), "all jobs are placed", _PLACED_WITHIN)


@asynccontextmanager
async def staged(
    folder: Path, say: Callable[[str], None], *, kept: str = EVERYTHING
) -> AsyncIterator[Stage]:
    """All is up, and there is no job yet. ``folder`` is made, or emptied of an earlier ledger; what
    orders print goes to a file there. Raises LocalClusterFailed."""
    ledger = _new_ledger(folder)
    say("starting three etcd members, two watchers and five agents")
    cluster = ProofCluster(folder / "cluster", kept=kept)
    async with witness(ledger) as url, cluster:
        with (
            (folder / "orders.log").open("w") as log,
            contextlib.redirect_stdout(log),
            contextlib.redirect_stderr(log),
        ):
            diary = Diary()
            yield Stage(cluster, diary, People(cluster, Trade(ledger, url), folder, diary))


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
