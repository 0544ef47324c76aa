"""Name servers that do not answer: they hold up those who ask for the names, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Any
from unittest import mock

import aiohttp

from crony_ops.local.waiting import wait_until
from crony_ops.node.execution import http, name_lookups
from tests.integration.node.servers import answers, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

SLOW = 40


class NameServer:
    """It answers for no name that ends with ``.slow``, until ``released``."""

    def __init__(self) -> None:
        self.pending = 0
        self.most = 0
        self.released = threading.Event()
        self._find = socket.getaddrinfo

    def __call__(self, host: str, *others: Any, **options: Any) -> Any:
        if host.endswith(".slow"):
            self.pending += 1
            self.most = max(self.most, self.pending)
            self.released.wait()
            self.pending -= 1
            raise socket.gaierror(socket.EAI_AGAIN, "no answer")
        return self._find(host, *others, **options)


@contextlib.contextmanager
def slow_names() -> Iterator[NameServer]:
    """Released before the event loop ends, which waits for its own threads."""
    server = NameServer()
    with mock.patch.object(socket, "getaddrinfo", server):
        try:
            yield server
        finally:
            server.released.set()


async def test_they_hold_up_neither_the_agents_own_work_nor_requests_to_other_hosts() -> None:
    async with http.open_session() as session, serving(answers(200)) as port:
        with slow_names() as names:
            waiting = [asyncio.create_task(session.get(f"http://h{n}.slow/")) for n in range(SLOW)]
            await wait_until(lambda: names.pending > 5, "names are being looked up", 10)
            url = f"http://localhost:{port}/"
            async with asyncio.timeout(10):
                assert await asyncio.to_thread(lambda: 7) == 7
                async with session.get(url, trace_request_ctx=lambda: True) as answer:
                    assert answer.status == 200
        await asyncio.gather(*waiting, return_exceptions=True)


async def test_so_many_are_looked_up_at_once_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(name_lookups, "MOST", 3)
    async with http.open_session() as session:
        with slow_names() as names:
            waiting = [asyncio.create_task(session.get(f"http://h{n}.slow/")) for n in range(9)]
            await wait_until(lambda: names.pending == 3, "names are being looked up", 10)
            for given_up in waiting[:3]:
                given_up.cancel()
            await asyncio.wait(waiting[:3])
            names.released.set()
            ends = await asyncio.gather(*waiting[3:], return_exceptions=True)
    assert {type(end) for end in ends} == {aiohttp.ClientConnectorDNSError}
    assert names.most == 3
