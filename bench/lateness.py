"""How late a job's process starts: from its second to the first thing that it does.

One job, a hundred and a thousand in one second, at a second's and at a minute's mark. Beside them,
in the minutes between, Debian's cron on as many entries at its minute, and APScheduler's own pool
of threads in one process. All do the same: bash, which writes down the time by its own clock.

A mark is a moment, so nothing takes turns: what a row tells is the p50, the p99 or the maximum of
all the starts of one kind. Without Debian's cron (it needs root, and its package) ours stand alone.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.debian_cron import debian_cron, why_not
from bench.etcd_server import scratch
from bench.row import Row, Target
from bench.wishes import assign
from crony_ops.local.child import Child
from crony_ops.local.cluster import LocalCluster
from crony_ops.model.job import Concurrency, Job

_LEAD = 15.0
"""Seconds before the first mark, in which the jobs are assigned and the others start."""
_LONGEST = 300.0
"""Seconds from the first mark to the last start of all."""
_BELOW = Target("below cron's", lambda cron: cron)
_TTL = {"node": {"ttl": 10}, "watcher": {"ttl": 10}}
_QUANTILES = {"p50": 0.5, "p99": 0.99, "max": 1.0}


@dataclass(frozen=True, slots=True)
class Burst:
    """So many starts, ``after`` seconds past the first minute; and again every ``every`` seconds
    of the same minute, ``rounds`` times in all."""

    jobs: int
    after: int
    rounds: int = 1
    every: int = 1

    @property
    def starts(self) -> int:
        return self.jobs * self.rounds

    def marks(self, first: int) -> list[int]:
        return [first + self.after + number * self.every for number in range(self.rounds)]

    def fields(self, first: int) -> str:
        """The five fields of its minute, in UTC."""
        minute = datetime.fromtimestamp(first + self.after, UTC)
        return f"{minute.minute} {minute.hour} {minute.day} {minute.month} *"

    def schedule(self, first: int) -> str:
        """Six fields, seconds first."""
        seconds = ",".join(str(mark % 60) for mark in self.marks(first))
        return f"{seconds} {self.fields(first)}"

    def lateness(self, file: Path, first: int) -> list[float]:
        """Of each start, in seconds, the smallest first."""
        starts = sorted(map(float, file.read_text().split()))
        marks = self.marks(first)
        return sorted(at - marks[number // self.jobs] for number, at in enumerate(starts))


# Each has the machine to itself for as long as it may take there.
_OURS = {
    "100 jobs at a minute": Burst(100, 0),
    "100 jobs at a second": Burst(100, 5, rounds=5, every=5),
    "1,000 jobs at a second": Burst(1_000, 32),
    "1 job at a second": Burst(1, 65, rounds=10),
    "1,000 jobs at a minute": Burst(1_000, 180),
}
_CRON = {100: Burst(100, 60), 1_000: Burst(1_000, 120)}
_APSCHEDULER = {100: Burst(100, 78), 1_000: Burst(1_000, 85)}


async def run() -> AsyncGenerator[Row, None]:
    reason = why_not()
    if reason:
        sys.stderr.write(f"  {reason}\n")
    with scratch() as folder:
        async with LocalCluster(Path(folder, "cluster"), nodes=1, overrides=_TTL) as cluster:
            first = int((time.time() + _LEAD) // 60 + 1) * 60
            cron: dict[int, Path] = {}
            with ExitStack() as others:
                if not reason:
                    cron = others.enter_context(_debian_cron(Path(folder, "cron"), first))
                scheduler = others.enter_context(_apscheduler(Path(folder), first))
                ours = {work: Path(folder, f"ours-{work}") for work in _OURS}
                await assign(cluster, _jobs(ours, first))
                if time.time() > first:
                    raise RuntimeError("the jobs were not assigned before their first second")
                bursts = [(burst, ours[work]) for work, burst in _OURS.items()]
                bursts += [(_CRON[jobs], file) for jobs, file in cron.items()]
                bursts += [(_APSCHEDULER[jobs], file) for jobs, file in scheduler.items()]
                await cluster.wait_until(
                    lambda: all(_lines(file) == burst.starts for burst, file in bursts),
                    "all have started",
                    first - time.time() + _LONGEST,
                )
        for work, burst in _OURS.items():
            late = burst.lateness(ours[work], first)
            crons = cron.get(burst.jobs)
            floor = _CRON[burst.jobs].lateness(crons, first) if crons else []
            for row in lateness_rows(f"lateness of {work}", late, floor):
                yield row
        for jobs, file in scheduler.items():
            late = _APSCHEDULER[jobs].lateness(file, first)
            for row in lateness_rows(
                f"APScheduler's lateness, {jobs:,} jobs at a second", late, []
            ):
                yield row


def lateness_rows(work: str, late: list[float], floor: list[float]) -> Iterator[Row]:
    """Both in seconds, the smallest first; the floor may be empty."""
    for name, share in _QUANTILES.items():
        target = _BELOW if floor and len(floor) == 100 and name == "p99" else None
        ours, beside = (_quantile(each, share) if each else () for each in (late, floor))
        yield Row(f"{work}, {name}", ours, beside, target)


def _quantile(ordered: list[float], share: float) -> tuple[float]:
    return (ordered[max(0, round(share * len(ordered)) - 1)],)


def _lines(file: Path) -> int:
    return file.read_bytes().count(b"\n") if file.exists() else 0


def _jobs(files: dict[str, Path], first: int) -> dict[str, Job]:
    return {
        f"burst-{kind}-{number}": Job(
            schedule=burst.schedule(first),
            concurrency=Concurrency.allow,  # what is late must not make the next be skipped
            shell=f"echo $EPOCHREALTIME >> '{files[work]}'",
        )
        for kind, (work, burst) in enumerate(_OURS.items())
        for number in range(burst.jobs)
    }


@contextmanager
def _debian_cron(folder: Path, first: int) -> Iterator[dict[int, Path]]:
    entries = [(str(jobs), burst.fields(first), jobs) for jobs, burst in _CRON.items()]
    with debian_cron(folder, entries) as files:
        yield {jobs: files[str(jobs)] for jobs in _CRON}


@contextmanager
def _apscheduler(folder: Path, first: int) -> Iterator[dict[int, Path]]:
    files = {jobs: folder / f"apscheduler-{jobs}" for jobs in _APSCHEDULER}
    orders = [f"{files[n]}={n}@{burst.marks(first)[0]}" for n, burst in _APSCHEDULER.items()]
    command = [sys.executable, "-m", "bench.apscheduler_starts", *orders]
    child = Child("apscheduler", command, folder / "apscheduler.log", os.environ)
    child.start()
    try:
        yield files
    finally:
        child.kill()
