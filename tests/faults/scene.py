"""A real cluster on this machine with jobs made for a test, and the questions tests ask of it."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from crony_ops.catalog import load_catalog
from crony_ops.local.cluster import LocalCluster
from crony_ops.model.cluster import Alert, Failover
from crony_ops.model.run import GapRecord, RunRecord, read_run
from crony_ops.schedule import parse_schedule
from crony_ops.store import Change, Mirror

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@dataclass(frozen=True)
class Start:
    """What a job itself wrote down when it was started. ``at`` is in unix seconds."""

    job: str
    tick: int
    run: str
    node: str
    attempt: int
    at: float


class Scene:
    """``records`` holds every run record that ever stood in etcd, trimmed ones too."""

    def __init__(self, cluster: LocalCluster, folder: Path) -> None:
        self.cluster = cluster
        self.folder = folder
        self.ledger = folder / "ledger"
        self.records: dict[tuple[str, str], RunRecord | GapRecord] = {}
        self.mirror = Mirror(cluster.store, (cluster.keys.runs,), on_change=self._recorded)

    def _recorded(self, changes: object) -> None:
        assert isinstance(changes, list | tuple)
        for change in changes:
            assert isinstance(change, Change)
            if change.new is not None:
                record = read_run(change.new.value)
                self.records[record.job_id, record.run_id] = record

    def noted(self, schedule: str, after: str = "true", **fields: Any) -> dict[str, Any]:
        """A shell job that writes itself down as it starts, and then does something."""
        note = (
            'printf "%s %s %s %s %s %s\\n" "$CRONY_JOB" "$CRONY_TICK" "$CRONY_RUN" "$CRONY_NODE"'
            f' "$CRONY_ATTEMPT" "$EPOCHREALTIME" >>{self.ledger}; {after}'
        )
        return {"schedule": schedule, "shell": note, "on_node_loss": "report", **fields}

    def starts(self) -> list[Start]:
        """In the order in which they happened."""
        if not self.ledger.exists():
            return []
        found = []
        for line in self.ledger.read_text().splitlines():
            job, tick, run, node, attempt, at = line.split()
            found.append(Start(job, unix(tick), run, node, int(attempt), float(at)))
        return found

    def unaccounted(self, job_id: str, schedule: str, since: int, until: int) -> list[int]:
        """The ticks in (since, until] that were neither run nor are on record."""
        seen = {start.tick for start in self.starts() if start.job == job_id}
        gaps = []
        for (job, _), record in self.records.items():
            if job == job_id and isinstance(record, GapRecord):
                gaps.append((record.first, record.last))
            elif job == job_id and isinstance(record, RunRecord):
                seen.add(record.tick)
        ticks = parse_schedule(schedule, timezone="UTC", job_id=job_id).between(since, until)
        return [
            tick
            for tick in ticks
            if tick not in seen and not any(first <= tick <= last for first, last in gaps)
        ]

    def run_twice(self) -> list[tuple[Start, Start]]:
        """Pairs of starts of one tick, but for a re-run of a run that was lost or fenced."""
        found = []
        first_of: dict[tuple[str, int, str], Start] = {}
        for start in self.starts():
            at = start.run.partition("@")[2]
            first = first_of.setdefault((start.job, start.tick, at), start)
            if first is start:
                continue
            before = self.records.get((first.job, first.run))
            excused = isinstance(before, RunRecord) and before.state in ("lost", "fenced")
            if first.run == start.run or not excused:
                found.append((first, start))
            first_of[start.job, start.tick, at] = start
        return found

    async def sync(self, jobs: Mapping[str, Mapping[str, Any]]) -> None:
        """Make these the cluster's jobs."""
        path = self.folder / "jobs" / "all.yaml"
        path.parent.mkdir(exist_ok=True)
        await asyncio.to_thread(path.write_text, yaml.safe_dump({"jobs": {**jobs}}))
        catalog = load_catalog(path.parent)
        assert not catalog.problems, catalog.problems
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


def unix(stamp: str) -> int:
    """``20261122T160000Z`` in unix seconds."""
    return int(datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp())


@asynccontextmanager
async def scene(folder: Path, **options: Any) -> AsyncIterator[Scene]:
    async with LocalCluster(folder / "cluster", **options) as cluster:
        it = Scene(cluster, folder)
        watching = asyncio.create_task(it.mirror.run())
        try:
            await it.mirror.synced()
            yield it
        finally:
            watching.cancel()
