"""A sync of 10,000 jobs, the first one and one that changes nothing.

The floor: the files through PyYAML's own C loader, and the same puts, 128 a transaction, or the
same range, through gRPC stubs with nothing around them.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import grpc.aio
import yaml
from etcd3.etcdrpc import rpc_pb2 as rpc
from etcd3.etcdrpc import rpc_pb2_grpc as stubs

from bench.etcd_server import etcd_server, scratch
from bench.job_files import write_job_files
from bench.side_by_side import Row, side_by_side, times
from crony_ops.catalog import load_catalog
from crony_ops.store.keys import Keys
from crony_ops.sync.syncing import Wish, sync

if TYPE_CHECKING:
    from crony_ops.store import Etcd

FILES, JOBS_EACH = 200, 50
_OPS, _IN_FLIGHT, _PAGE = 128, 4, 5_000


async def run() -> AsyncIterator[Row]:
    with scratch() as folder:
        jobs = write_job_files(Path(folder, "jobs"), FILES, JOBS_EACH)
        async with etcd_server() as etcd, _bare_stub(etcd) as bare:
            spaces = (f"/bench-{number}" for number in itertools.count())
            values = [
                spec.to_json()
                for spec in (await asyncio.to_thread(load_catalog, jobs)).specs.values()
            ]

            async def first() -> float:
                return await _sync(etcd, Keys(next(spaces)), jobs)

            async def first_floor() -> float:
                return await _put_all(bare, next(spaces), jobs, values)

            yield await side_by_side("first sync of 10,000 jobs", first, first_floor, times(1.5))
            kept = next(spaces)
            await _sync(etcd, Keys(kept), jobs)

            async def again() -> float:
                return await _sync(etcd, Keys(kept), jobs)

            async def again_floor() -> float:
                return await _read_all(bare, Keys(kept).specs, jobs)

            yield await side_by_side(
                "sync of 10,000 unchanged jobs", again, again_floor, times(1.5)
            )


@asynccontextmanager
async def _bare_stub(etcd: Etcd) -> AsyncIterator[stubs.KVStub]:
    [address] = etcd.settings.addresses
    unlimited = (("grpc.max_receive_message_length", -1),)
    async with grpc.aio.insecure_channel(address, options=unlimited) as channel:
        yield stubs.KVStub(channel)


async def _sync(etcd: Etcd, keys: Keys, jobs: Path) -> float:
    """As `crony-ops sync` does it."""
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


async def _put_all(bare: stubs.KVStub, space: str, jobs: Path, values: Sequence[bytes]) -> float:
    began = time.perf_counter()
    _parse(jobs)
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
    return time.perf_counter() - began


async def _read_all(bare: stubs.KVStub, prefix: str, jobs: Path) -> float:
    began = time.perf_counter()
    _parse(jobs)
    start, end, more = prefix.encode(), prefix.encode()[:-1] + b"0", True
    while more:
        answer = await bare.Range(rpc.RangeRequest(key=start, range_end=end, limit=_PAGE))
        start, more = answer.kvs[-1].key + b"\0", answer.more
    return time.perf_counter() - began


def _parse(jobs: Path) -> None:
    """Without the collector, as our own reading goes."""
    gc.disable()
    for file in sorted(jobs.iterdir()):
        yaml.load(file.read_bytes(), yaml.CSafeLoader)
    gc.enable()
