"""What the service manager is told, and when."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from crony_ops.daemon.notify import (
    PATIENCE,
    STALLED,
    ServiceManager,
    Standing,
    Told,
    keep_told,
    news,
)

WELL = Standing(True, "2 jobs", 0.0)
AWAY = Standing(False, "etcd is away", 0.0)
READY = Told(ready=True, status="2 jobs")


@pytest.mark.parametrize(
    ("told", "now", "asked", "lines"),
    [
        pytest.param(Told(), WELL, {}, ["READY=1", "STATUS=2 jobs"], id="at work"),
        pytest.param(Told(), AWAY, {"age": 1.0}, ["STATUS=etcd is away"], id="not yet"),
        pytest.param(
            Told(), AWAY, {"age": PATIENCE}, ["READY=1", "STATUS=etcd is away"], id="long enough"
        ),
        pytest.param(READY, WELL, {}, [], id="nothing new"),
        pytest.param(READY, AWAY, {}, ["STATUS=etcd is away"], id="etcd goes away"),
        pytest.param(READY, WELL, {"watched": True}, ["WATCHDOG=1"], id="a sign of life"),
        pytest.param(
            Told(True, status="etcd is away"),
            AWAY,
            {"watched": True, "age": 9999.0},
            ["WATCHDOG=1"],
            id="an outage is no death",
        ),
        pytest.param(
            READY, Standing(True, "2 jobs", STALLED), {"watched": True}, [], id="it is stuck"
        ),
        pytest.param(
            READY,
            WELL,
            {"stopping": True},
            ["STOPPING=1", "EXTEND_TIMEOUT_USEC=10000000"],
            id="it stops",
        ),
        pytest.param(
            Told(True, True, "2 jobs"),
            WELL,
            {"stopping": True, "watched": True},
            ["EXTEND_TIMEOUT_USEC=10000000", "WATCHDOG=1"],
            id="it still stops",
        ),
        pytest.param(
            READY, Standing(True, "2 jobs\nREADY=1", 0.0), {}, ["STATUS=2 jobs READY=1"], id="lines"
        ),
    ],
)
def test_each_thing_is_told_once_and_life_again_and_again(
    told: Told, now: Standing, asked: dict[str, Any], lines: list[str]
) -> None:
    given = {"age": 0.0, "stopping": False, "watched": False, "interval": 5.0, **asked}
    then, found = news(told, now, **given)
    assert list(found) == lines
    given.pop("watched")
    again = news(then, now, watched=False, **given)[1]
    assert [line for line in again if not line.startswith("EXTEND")] == []


@pytest.mark.parametrize(
    ("environment", "watchdog"),
    [
        ({}, 0.0),
        ({"WATCHDOG_USEC": "60000000"}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, 0.0),
        ({"WATCHDOG_USEC": "soon"}, 0.0),
    ],
)
def test_a_watchdog_that_waits_for_another_process_is_none_of_ours(
    environment: dict[str, str], watchdog: float
) -> None:
    assert ServiceManager.of(environment).watchdog == watchdog


class Listener:
    """The service manager's end of the socket."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self._socket.setblocking(False)

    async def hears(self) -> list[str]:
        async with asyncio.timeout(10):
            heard = await asyncio.get_running_loop().sock_recv(self._socket, 4096)
        return heard.decode().split("\n")

    def close(self) -> None:
        self._socket.close()


@pytest.mark.parametrize("kind", ["path", "abstract"])
async def test_a_daemon_tells_that_it_is_ready_lives_and_stops(kind: str, tmp_path: Path) -> None:
    address = f"@crony-{os.getpid()}-{id(tmp_path)}" if kind == "abstract" else f"{tmp_path}/notify"
    listener = Listener(address)
    manager = ServiceManager.of({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "400000"})
    stop = asyncio.Event()
    now = AWAY
    telling = asyncio.create_task(keep_told(manager, lambda: now, stop))
    try:
        assert await listener.hears() == ["STATUS=etcd is away", "WATCHDOG=1"]
        now = WELL
        while (heard := await listener.hears()) == ["WATCHDOG=1"]:
            pass
        assert heard == ["READY=1", "STATUS=2 jobs", "WATCHDOG=1"]
        assert await listener.hears() == ["WATCHDOG=1"]
        stop.set()
        while (heard := await listener.hears()) == ["WATCHDOG=1"]:
            pass
        assert heard[0] == "STOPPING=1"
    finally:
        telling.cancel()
        listener.close()


async def test_what_could_not_be_told_is_told_when_the_manager_is_back(tmp_path: Path) -> None:
    address = f"{tmp_path}/notify"
    manager = ServiceManager.of({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "100000"})
    telling = asyncio.create_task(keep_told(manager, lambda: WELL, asyncio.Event()))
    try:
        await asyncio.sleep(0)  # it has found nobody there
        listener = Listener(address)
        assert await listener.hears() == ["READY=1", "STATUS=2 jobs", "WATCHDOG=1"]
        listener.close()
    finally:
        telling.cancel()


async def test_where_nobody_listens_nothing_is_told() -> None:
    await keep_told(ServiceManager.of({}), lambda: WELL, asyncio.Event())
