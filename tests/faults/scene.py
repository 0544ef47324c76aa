"""A real cluster on this machine with jobs made for a test, and the questions tests ask of it."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from crony_ops.catalog import load_catalog
from crony_ops.local.audit import Audit, audit
from crony_ops.local.cluster import LocalCluster
from crony_ops.local.evidence import Evidence
from crony_ops.local.ledger import LedgerLine, ledger_job, read_ledger
from crony_ops.model.alert import Alert
from crony_ops.model.cluster import Failover

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from crony_ops.model.spec import Spec


class Scene:
    """``evidence`` is every run record that ever stood in etcd, trimmed ones too."""

    def __init__(self, cluster: LocalCluster, folder: Path) -> None:
        self.cluster = cluster
        self.folder = folder
        self.evidence = Evidence(cluster.store, cluster.keys)
        self._ledger = folder / "ledger"
        self._specs: Mapping[str, Spec] = {}

    def noted(self, schedule: str, seconds: float = 0, **fields: Any) -> dict[str, Any]:
        """A shell job that writes itself down when it starts and when it ends."""
        return ledger_job(self._ledger, schedule, seconds=seconds, **fields)

    def ledger(self) -> list[LedgerLine]:
        if not self._ledger.exists():
            return []
        return read_ledger(self._ledger.read_text().splitlines())

    def starts(self) -> list[LedgerLine]:
        return [line for line in self.ledger() if line.event == "start"]

    async def settled(self, jobs: Collection[str] = ()) -> Audit:
        """Every tick up to now comes to be accounted for, and none is run twice; of all ``jobs``
        unless some are named."""
        until = int(time.time())
        names = {self.cluster.uuid(node.name): node.name for node in self.cluster.nodes}
        found: Audit | None = None

        def sound() -> bool:
            nonlocal found
            # The cluster goes on meanwhile, and its cursors with it.
            series = [
                replace(one, until=until)
                for one in self.evidence.series(self._specs, names, until)
                if not jobs or one.job_id in jobs
            ]
            found = audit(series, self.ledger(), self.evidence.records)
            return found.sound

        try:
            await self.until(sound, "every tick is accounted for", timeout=25)
        finally:
            assert found is not None
            assert found.sound, (found.unaccounted, found.twice, found.wrong)
        return found

    async def sync(self, jobs: Mapping[str, Mapping[str, Any]]) -> None:
        """Make these the cluster's jobs."""
        path = self.folder / "jobs" / "all.yaml"
        path.parent.mkdir(exist_ok=True)
        await asyncio.to_thread(path.write_text, yaml.safe_dump({"jobs": {**jobs}}))
        catalog = load_catalog(path.parent)
        assert not catalog.problems, catalog.problems
        self._specs = catalog.specs
        await self.cluster.sync(catalog)

    async def until(
        self, condition: Callable[[], bool | Awaitable[bool]], what: str, timeout: float = 20.0
    ) -> float:
        """Wait for a condition; the seconds that it took."""
        began = time.monotonic()
        await self.cluster.wait_until(condition, what, timeout)
        return time.monotonic() - began

    async def all_assigned(self, jobs: Mapping[str, object]) -> None:
        async def they_are() -> bool:
            return set(await self.cluster.holders()) == set(jobs)

        await self.until(they_are, f"{len(jobs)} jobs are assigned")

    async def holder(self, job_id: str) -> str:
        """The name of the one node that holds the job; empty if none does."""
        holders = (await self.cluster.holders()).get(job_id, ())
        assert len(holders) <= 1
        return holders[0] if holders else ""

    async def alerts(self) -> list[Alert]:
        found = await self.cluster.store.range(self.cluster.keys.alerts)
        return [Alert.from_json(entry.value) for entry in found.entries]

    async def failovers(self) -> list[Failover]:
        keys = self.cluster.keys
        found = await self.cluster.store.range(keys.failovers)
        return [
            Failover.from_json(entry.value)
            for entry in found.entries
            if entry.key.removeprefix(keys.failovers).count("/") == 1
        ]

    async def status(self) -> dict[str, Any]:
        """What `crony-ops status` says, by the real command."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "crony_ops.cli.main",
            "status",
            "--output",
            "json",
            "--endpoints",
            self.cluster.settings.endpoints[0],
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await process.communicate()
        document = json.loads(out)
        assert isinstance(document, dict)
        return document


@asynccontextmanager
async def scene(folder: Path, **options: Any) -> AsyncIterator[Scene]:
    async with LocalCluster(folder / "cluster", **options) as cluster:
        it = Scene(cluster, folder)
        watching = asyncio.create_task(it.evidence.run())
        try:
            await it.evidence.synced()
            yield it
        finally:
            watching.cancel()
