"""An etcd of the benchmark's own, in memory where the system has such a place."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc.aio
from etcd3.etcdrpc import rpc_pb2_grpc as stubs

from crony_ops.local.child import Child
from crony_ops.local.etcd import choose_ports, etcd_command
from crony_ops.local.waiting import wait_until
from crony_ops.store import Etcd, EtcdSettings

_MEMORY = Path("/dev/shm")


def scratch() -> tempfile.TemporaryDirectory[str]:
    """A folder that goes with its block. In memory: what a disk costs is not ours to measure."""
    return tempfile.TemporaryDirectory(
        prefix="crony-bench-", dir=_MEMORY if _MEMORY.is_dir() else None
    )


@asynccontextmanager
async def etcd_server() -> AsyncIterator[Etcd]:
    """A client of a fresh etcd."""
    with scratch() as folder:
        ports = choose_ports(None)
        command = etcd_command(Path(folder, "data"), ports)
        server = Child("etcd", command, Path(folder, "log"), os.environ)
        server.start()
        try:
            async with Etcd(EtcdSettings(endpoints=(f"127.0.0.1:{ports[0]}",))) as etcd:

                async def answers() -> bool:
                    return await etcd.head() is not None

                await wait_until(answers, "etcd answers")
                yield etcd
        finally:
            server.kill()


@asynccontextmanager
async def bare_stub(etcd: Etcd) -> AsyncIterator[stubs.KVStub]:
    """To the server of that client, with nothing around it: what floors are measured with."""
    [address] = etcd.settings.addresses
    unlimited = (("grpc.max_receive_message_length", -1),)
    async with grpc.aio.insecure_channel(address, options=unlimited) as channel:
        yield stubs.KVStub(channel)
