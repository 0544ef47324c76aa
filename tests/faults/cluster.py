"""A local cluster for fault tests: ledger jobs in it, and all their ticks audited."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from crony_ops.catalog import load_catalog
from crony_ops.local.audit import Audit, audit
from crony_ops.local.cluster import LocalCluster
from crony_ops.local.evidence import Evidence
from crony_ops.local.ledger import LedgerLine, ledger_job, read_ledger

if TYPE_CHECKING:
    from crony_ops.model.spec import Spec


class Trial:
    """A running ``cluster`` that is watched from before its first job. ``evidence`` has all that
    etcd was seen to say of it."""

    def __init__(self, cluster: LocalCluster, folder: Path, evidence: Evidence) -> None:
        self.cluster = cluster
        self.evidence = evidence
        self.specs: Mapping[str, Spec] = {}
        self._ledger = folder / "ledger.jsonl"
        self._jobs = folder / "jobs"

    def job(self, schedule: str, *, seconds: float = 0, **fields: Any) -> dict[str, Any]:
        """A job as a job file has it, that writes to this trial's ledger."""
        return ledger_job(self._ledger, schedule, seconds=seconds, **fields)

    async def sync(self, jobs: Mapping[str, Mapping[str, Any]]) -> None:
        """Make these the cluster's jobs, and wait until each is assigned."""
        self._jobs.mkdir(exist_ok=True)
        written = {"jobs": {job_id: dict(job) for job_id, job in jobs.items()}}
        (self._jobs / "jobs.yaml").write_text(yaml.safe_dump(written))
        catalog = load_catalog(self._jobs)
        assert not catalog.problems, catalog.problems
        self.specs = catalog.specs
        await self.cluster.sync(catalog)

        async def placed() -> bool:
            return catalog.specs.keys() <= (await self.cluster.holders()).keys()

        await self.cluster.wait_until(placed, "every job is assigned")

    async def holder(self, job_id: str) -> str:
        """The name of the one node that a job is assigned to."""
        (name,) = (await self.cluster.holders())[job_id]
        return name

    def lines(self, job_id: str = "", node: str = "", since: float = 0.0) -> list[LedgerLine]:
        """What the jobs wrote so far, of one job, on one node, from a moment on."""
        if not self._ledger.exists():
            return []
        return [
            line
            for line in read_ledger(self._ledger.read_text().splitlines())
            if job_id in ("", line.job) and node in ("", line.node) and line.at >= since
        ]

    async def runs(self, job_id: str, count: int = 1, timeout: float = 20.0, **of: Any) -> None:
        """Wait until that many ends of runs are in the ledger; ``of`` as for ``lines``."""

        def enough() -> bool:
            return sum(line.event == "end" for line in self.lines(job_id, **of)) >= count

        await self.cluster.wait_until(enough, f"{count} runs of {job_id} {of or ''}", timeout)

    async def audit(self) -> Audit:
        """Stop the nodes in order, wait for every run's end, and account for every tick.

        Nodes that the test has killed are to be started again before, if their own ticks (of pinned
        and every-node jobs) are to be accounted for.
        """
        await self.cluster.wait_until(
            lambda: not any("/queue/" in key for key in self.evidence.pending), "empty queues", 30
        )
        stopped_at = time.time()
        await asyncio.gather(*(node.terminate(15) for node in self.cluster.nodes))
        await self.cluster.wait_until(lambda: not self.evidence.pending, "every run's end", 30)
        names = {self.cluster.uuid(node.name): node.name for node in self.cluster.nodes}
        series = self.evidence.series(self.specs, names, stopped_at)
        return audit(series, self.lines(), self.evidence.records)


@asynccontextmanager
async def trial(folder: Path, **shape: Any) -> AsyncIterator[Trial]:
    """A cluster in ``folder``; ``shape`` as for LocalCluster. Run records are kept long enough."""
    overrides = dict(shape.pop("overrides", {}))
    overrides["node"] = {"keep_runs": 1000, **overrides.get("node", {})}
    cluster = LocalCluster(folder / "cluster", overrides=overrides, **shape)
    async with cluster, asyncio.TaskGroup() as group:
        evidence = Evidence(cluster.store, cluster.keys)
        watching = group.create_task(evidence.run())
        await evidence.synced()
        try:
            yield Trial(cluster, folder, evidence)
        finally:
            watching.cancel()
