"""The server of the two pages, alone: what it does when something is in its way."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from crony_ops.daemon import exposition
from crony_ops.local.waiting import wait_until
from tests.scraping import scrape


@asynccontextmanager
async def exposed(listen: str, ailments: Callable[[], Sequence[str]]) -> AsyncIterator[None]:
    serving = asyncio.create_task(exposition.expose(listen, CollectorRegistry(), ailments))
    try:
        yield
    finally:
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving


async def status(url: str) -> int:
    try:
        async with aiohttp.ClientSession() as http, http.get(url) as answer:
            return answer.status
    except aiohttp.ClientConnectionError:
        return 0


async def test_an_address_that_comes_free_is_taken(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(exposition, "RETRY", 0.1)
    other = socket.create_server(("127.0.0.1", 0))
    listen = f"127.0.0.1:{other.getsockname()[1]}"
    async with exposed(listen, list):
        await wait_until(lambda: "no metrics at" in caplog.text, "it says that it is taken")
        other.close()

        async def served() -> bool:
            return await status(f"http://{listen}/healthz") == 200

        await wait_until(served, "it is served")
        assert caplog.text.count("no metrics at") == 1
    assert not await served()


async def test_a_page_that_can_not_be_made_takes_nothing_else_with_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)

    def broken() -> Sequence[str]:
        raise ZeroDivisionError

    async with exposed("127.0.0.1:0", broken):
        await wait_until(lambda: "metrics at http" in caplog.text, "it listens")
        base = caplog.messages[-1].removeprefix("metrics at ").removesuffix("/metrics")
        assert await status(f"{base}/healthz") == 500
        assert await status(f"{base}/metrics") == 200


async def test_a_task_more_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with exposed("127.0.0.1:0", list), aiohttp.ClientSession() as http:
        await wait_until(lambda: "metrics at http" in caplog.text, "it listens")
        url = caplog.messages[-1].removeprefix("metrics at ")
        before = (await scrape(http, url))["process_asyncio_tasks", ""]
        async with asyncio.TaskGroup() as group:
            waiting = [group.create_task(asyncio.Event().wait()) for _ in range(3)]
            assert (await scrape(http, url))["process_asyncio_tasks", ""] == before + 3
            for task in waiting:
                task.cancel()


async def test_a_connection_that_says_nothing_is_closed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(exposition, "CONNECTION_LIFE", 0.2)
    caplog.set_level(logging.INFO)
    async with exposed("127.0.0.1:0", list):
        await wait_until(lambda: "metrics at http" in caplog.text, "it listens")
        port = int(caplog.messages[-1].removesuffix("/metrics").rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /metrics HTTP/1.1\r\nX-Slow: ")
        await writer.drain()
        await asyncio.wait_for(reader.read(), timeout=10)
        writer.close()


async def test_of_a_burst_of_connections_only_so_many_stay(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    async with exposed("127.0.0.1:0", list):
        await wait_until(lambda: "metrics at http" in caplog.text, "it listens")
        port = int(caplog.messages[-1].removesuffix("/metrics").rpartition(":")[2])
        burst = [socket.create_connection(("127.0.0.1", port)) for _ in range(90)]
        streams = [await asyncio.open_connection(sock=each) for each in burst]

        def left() -> int:
            return sum(not reader.at_eof() for reader, _ in streams)

        await wait_until(lambda: left() == exposition.MOST_CONNECTIONS, "the rest are turned away")
        for _, writer in streams:
            writer.close()
