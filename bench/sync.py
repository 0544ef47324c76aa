"""10,000 jobs: synced for the first time, again with nothing and with ten jobs changed, validated.

The floor of a sync: the files through PyYAML's own C loader, and the same range, and the same puts,
128 a transaction, through gRPC stubs with nothing around them. That of `validate`: an interpreter
that imports the same libraries, and parses.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import time
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from etcd3.etcdrpc import rpc_pb2 as rpc
from etcd3.etcdrpc import rpc_pb2_grpc as stubs

from bench.command import crony_ops, python
from bench.etcd_server import bare_stub, etcd_server, scratch
from bench.job_files import write_job_files
from bench.row import Row, times
from bench.side_by_side import side_by_side
from crony_ops.catalog import load_catalog
from crony_ops.store.keys import Keys
from crony_ops.sync.syncing import Wish, sync

if TYPE_CHECKING:
    from crony_ops.store import Etcd

FILES, JOBS_EACH = 200, 50
_OPS, _IN_FLIGHT, _PAGE = 128, 4, 5_000
_FEW = 10
_PARSE = """\
import sys
from pathlib import Path
import croniter, pydantic, rich.table, typer, yaml

for file in sorted(Path(sys.argv[1]).iterdir()):
    yaml.load(file.read_bytes(), yaml.CSafeLoader)
"""


async def run() -> AsyncGenerator[Row, None]:
    with scratch() as folder:
        jobs = write_job_files(Path(folder, "jobs"), FILES, JOBS_EACH)
        async with etcd_server() as etcd, bare_stub(etcd) as bare:
            spaces = (f"/bench-{number}" for number in itertools.count())
            specs = (await asyncio.to_thread(load_catalog, jobs)).specs
            values = [spec.to_json() for spec in specs.values()]

            async def first() -> float:
                return await timed_sync(etcd, Keys(next(spaces)), jobs)

            async def first_floor() -> float:
                began = time.perf_counter()
                _parse(jobs)
                await _put_all(bare, next(spaces), values)
                return time.perf_counter() - began

            yield await side_by_side("first sync of 10,000 jobs", first, first_floor, times(1.5))
            kept = next(spaces)
            await timed_sync(etcd, Keys(kept), jobs)

            async def again() -> float:
                return await timed_sync(etcd, Keys(kept), jobs)

            async def again_floor() -> float:
                began = time.perf_counter()
                _parse(jobs)
                await _read_all(bare, Keys(kept).specs)
                return time.perf_counter() - began

            yield await side_by_side(
                "sync of 10,000 unchanged jobs", again, again_floor, times(1.5)
            )
            words = itertools.count()

            async def edited() -> float:
                _edit(jobs, next(words))
                return await timed_sync(etcd, Keys(kept), jobs)

            async def edited_floor() -> float:
                taken, began = await again_floor(), time.perf_counter()
                await _put_all(bare, next(spaces), values[:_FEW])
                return taken + time.perf_counter() - began

            yield await side_by_side(
                "sync of 10 edits among 10,000 jobs", edited, edited_floor, times(1.5)
            )
        yield await side_by_side(
            "crony-ops validate, 10,000 jobs in 200 files",
            crony_ops("validate", str(jobs)),
            python(_PARSE, str(jobs)),
            times(2),
        )


def _edit(jobs: Path, number: int) -> None:
    """Another description for the first job of the first ten files."""
    for file in sorted(jobs.iterdir())[:_FEW]:
        head, description, rest = file.read_text().partition("    description: ")
        file.write_text(f"{head}{description}edit {number}{rest[rest.index(chr(10)) :]}")


async def timed_sync(etcd: Etcd, keys: Keys, jobs: Path) -> float:
    """As `crony-ops sync` does it, the interpreter's start aside."""
    began = time.perf_counter()
    gc.disable()
    catalog = load_catalog(jobs)
    gc.freeze()
    gc.enable()
    wish = Wish(catalog.specs, catalog.provenance, "bench", "localhost", time.time())
    await sync(etcd, keys, wish)
    taken = time.perf_counter() - began
    gc.unfreeze()
    return taken


async def _put_all(bare: stubs.KVStub, space: str, values: Sequence[bytes]) -> None:
    gate = asyncio.Semaphore(_IN_FLIGHT)

    async def send(request: rpc.TxnRequest) -> None:
        try:
            await bare.Txn(request)
        finally:
            gate.release()

    async with asyncio.TaskGroup() as group:
        for start in range(0, len(values), _OPS):
            await gate.acquire()
            puts = (
                rpc.PutRequest(key=f"{space}/spec/job-{number}".encode(), value=value)
                for number, value in enumerate(values[start : start + _OPS], start)
            )
            request = rpc.TxnRequest(success=[rpc.RequestOp(request_put=put) for put in puts])
            group.create_task(send(request))


async def _read_all(bare: stubs.KVStub, prefix: str) -> None:
    start, end, more = prefix.encode(), prefix.encode()[:-1] + b"0", True
    while more:
        answer = await bare.Range(rpc.RangeRequest(key=start, range_end=end, limit=_PAGE))
        start, more = answer.kvs[-1].key + b"\0", answer.more


def _parse(jobs: Path) -> None:
    """Without the collector, as our own reading goes."""
    gc.disable()
    for file in sorted(jobs.iterdir()):
        yaml.load(file.read_bytes(), yaml.CSafeLoader)
    gc.enable()
