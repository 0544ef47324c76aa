"""What becomes of the time as there are more and more jobs: the work must grow as they do.

The larger the size, the fewer the rounds: five, but three from 10,000 jobs on. A failover of
100,000 jobs of one node is left out: no node has as many.
"""

from __future__ import annotations

import asyncio
import io
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from bench.etcd_server import etcd_server, scratch
from bench.job_files import write_job_files
from bench.mass_move import moves
from bench.row import Growth
from bench.side_by_side import Measure, repeated
from bench.stored_cluster import fleet, put_cluster
from bench.sync import timed_sync
from crony_ops.catalog import load_catalog
from crony_ops.cli.standing.look import StatusLook
from crony_ops.cli.standing.text import print_status
from crony_ops.store.keys import Keys
from crony_ops.watcher.eligibility import Fleet, Want
from crony_ops.watcher.placement import place

if TYPE_CHECKING:
    from crony_ops.model.spec import Spec
    from crony_ops.store import Etcd

SIZES = (1_000, 3_000, 10_000, 30_000, 100_000)
_MOVED = SIZES[:-1]
_JOBS_EACH, _JOBS_A_NODE = 50, 100


async def run() -> AsyncGenerator[Growth, None]:
    taken: dict[str, dict[int, tuple[float, ...]]] = defaultdict(dict)
    for size in SIZES:
        for work, seconds in (await _of_size(size)).items():
            taken[work][size] = seconds
    for work, by_size in taken.items():
        yield Growth(work, by_size)
    yield Growth("failover of all jobs of a node", {size: await _move(size) for size in _MOVED})


async def _of_size(size: int) -> dict[str, tuple[float, ...]]:
    rounds = _rounds(size)
    with scratch() as folder:
        jobs = write_job_files(Path(folder, "jobs"), size // _JOBS_EACH, _JOBS_EACH)
        async with etcd_server() as etcd:
            spaces = (Keys(f"/bench-{number}") for number in range(rounds))
            syncing = await repeated(lambda: timed_sync(etcd, next(spaces), jobs), rounds)
        specs = (await asyncio.to_thread(load_catalog, jobs)).specs
        placing = await repeated(_placing(specs), rounds)
        async with etcd_server() as etcd:
            await put_cluster(etcd, Keys(), specs, size // _JOBS_A_NODE)
            del specs
            looking = await repeated(lambda: _look(etcd), rounds)
    return {
        "first sync": syncing,
        "placement of all, 100 jobs a node": placing,
        "status, read and printed": looking,
    }


def _placing(specs: Mapping[str, Spec]) -> Measure:
    """Of all jobs, from nowhere."""
    wants = [
        Want(job_id, 1, spec.job.run_on, spec.preset_sums, movable=True)
        for job_id, spec in specs.items()
    ]
    nodes = Fleet(alive=dict(fleet(len(specs) // _JOBS_A_NODE, now=0.0)))

    async def measure() -> float:
        began = time.perf_counter()
        placed = place(wants, {}, nodes, frozenset())
        taken = time.perf_counter() - began
        if len(placed.steps) != len(wants):
            raise RuntimeError(f"{len(placed.steps)} of {len(wants)} jobs were placed")
        return taken

    return measure


async def _look(etcd: Etcd) -> float:
    began = time.perf_counter()
    document = await StatusLook(etcd, Keys(), jobs=None).look()
    print_status(Console(file=io.StringIO()), document)
    return time.perf_counter() - began


def _rounds(size: int) -> int:
    return 5 if size < 10_000 else 3


async def _move(jobs: int) -> tuple[float, ...]:
    async with aclosing(moves(jobs, _rounds(jobs))) as rounds:
        return tuple([taken async for _, _, taken in rounds])
