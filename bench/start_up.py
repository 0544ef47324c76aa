"""How long a command takes from its start to its end, as a person waits for it.

The floor: an interpreter that imports the libraries that the command can't do without and, for
`status`, reads through bare gRPC stubs what it has to know of.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import TYPE_CHECKING

from bench.command import crony_ops, python
from bench.etcd_server import etcd_server, scratch
from bench.job_files import write_job_files
from bench.row import at_most
from bench.side_by_side import side_by_side
from bench.stored_cluster import put_cluster
from crony_ops.catalog import load_catalog
from crony_ops.store.keys import Keys

if TYPE_CHECKING:
    from bench.row import Row

_FILES, _JOBS_EACH, _NODES = 200, 50, 100
_READ_ALL = """\
import asyncio, sys
import croniter, grpc.aio, pydantic, rich.table, typer
from etcd3.etcdrpc import rpc_pb2 as rpc
from etcd3.etcdrpc import rpc_pb2_grpc as stubs

async def read():
    address, *prefixes = sys.argv[1:]
    unlimited = [("grpc.max_receive_message_length", -1)]
    async with grpc.aio.insecure_channel(address, options=unlimited) as channel:
        for prefix in prefixes:
            start = prefix.encode()
            await stubs.KVStub(channel).Range(
                rpc.RangeRequest(
                    key=start, range_end=start[:-1] + b"0", keys_only=prefix.endswith("/job/")
                )
            )

asyncio.run(read())
"""


async def run() -> AsyncGenerator[Row, None]:
    with scratch() as folder:
        jobs = write_job_files(Path(folder, "jobs"), _FILES, _JOBS_EACH)
        one = min(jobs.iterdir())
        yield await side_by_side(
            "crony-ops --help", crony_ops("--help"), python("import typer"), at_most(0.3)
        )
        yield await side_by_side(
            "crony-ops validate, one file of 50 jobs",
            crony_ops("validate", str(one)),
            python("import croniter, pydantic, rich.table, typer, yaml"),
            at_most(0.5),
        )
        keys = Keys()
        specs = (await asyncio.to_thread(load_catalog, jobs)).specs
        async with etcd_server() as etcd:
            await put_cluster(etcd, keys, specs, _NODES)
            [address] = etcd.settings.addresses
            yield await side_by_side(
                "crony-ops status, 10,000 jobs on 100 nodes",
                crony_ops("status", "--endpoints", address),
                python(_READ_ALL, address, keys.nodes, keys.rosters, keys.specs, keys.jobs),
                at_most(1.0),
            )
