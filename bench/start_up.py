"""How long a command takes from its start to its end, as a person waits for it.

The floor: an interpreter that imports the libraries that the command can't do without.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

from bench.etcd_server import etcd_server, scratch
from bench.job_files import write_job_files
from bench.side_by_side import Measure, Row, seconds, side_by_side
from crony_ops.catalog import load_catalog
from crony_ops.model.node import Node
from crony_ops.model.spec import Assignment
from crony_ops.store import Etcd, Txn, put
from crony_ops.store.keys import Keys

_PAIRS = 5
_FILES, _JOBS_EACH = 20, 50
_STATUS_NEEDS = "asyncio, croniter, etcd3.etcdrpc, grpc.aio, pydantic, rich.table, typer"


async def run() -> AsyncIterator[Row]:
    with scratch() as folder:
        jobs = write_job_files(Path(folder, "jobs"), _FILES, _JOBS_EACH)
        one = min(jobs.iterdir())
        yield await side_by_side(
            "crony-ops --help", _command("--help"), _imports("typer"), seconds(0.3), _PAIRS
        )
        yield await side_by_side(
            "crony-ops validate, one file of 50 jobs",
            _command("validate", str(one)),
            _imports("croniter, pydantic, rich.table, typer, yaml"),
            seconds(0.6),
            _PAIRS,
        )
        async with etcd_server() as etcd:
            await _put_cluster(etcd, jobs)
            yield await side_by_side(
                "crony-ops status, 1,000 jobs",
                _command("status", "--endpoints", etcd.settings.endpoints[0]),
                _imports(_STATUS_NEEDS),
                seconds(0.7),
                _PAIRS,
            )


def _command(*arguments: str) -> Measure:
    return lambda: _timed("-m", "crony_ops.cli.main", *arguments)


def _imports(modules: str) -> Measure:
    return lambda: _timed("-c", f"import {modules}")


async def _timed(*arguments: str) -> float:
    env = {k: v for k, v in os.environ.items() if not k.startswith("CRONY_")}
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stdout=asyncio.subprocess.DEVNULL, env=env
    )
    if await process.wait() != 0:
        raise RuntimeError(f"{arguments} ended with status {process.returncode}")
    return time.perf_counter() - began


async def _put_cluster(etcd: Etcd, jobs: Path) -> None:
    """All the jobs, each assigned to the one node."""
    keys, now = Keys(), time.time()
    node = Node(uuid="n1", name="node-1", incarnation=1, version="", renewed_at=now, groups=("db",))
    await etcd.put(keys.node("n1"), node.to_json())
    for job_id, spec in load_catalog(jobs).specs.items():
        assignment = Assignment(job=spec.job, sha256=spec.sha256, spec_revision=1, assigned_at=now)
        ops = (
            put(keys.spec(job_id), spec.to_json()),
            put(keys.job("n1", job_id), assignment.to_json()),
        )
        await etcd.txn(Txn((), ops))
