"""Servers for HTTP jobs, made to misbehave: each on a free port of loopback."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

Handler = Callable[[str, asyncio.StreamWriter], Awaitable[None]]
"""Gets the head of a request; the connection is closed when it returns."""

_RESET_AT_CLOSE = b"\1\0\0\0\0\0\0\0"


@asynccontextmanager
async def serving(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """The port of a server that handles each request so."""
    connections: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        try:
            # Cancelled below, where nobody but us does so: asyncio logs it as an error.
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await handler((await reader.readuntil(b"\r\n\r\n")).decode("latin-1"), writer)
        finally:
            connections.discard(task)
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


@contextlib.contextmanager
def full_backlog() -> Iterator[int]:
    """The port of a server that accepts nothing, and has as many waiting as it lets wait."""
    with contextlib.ExitStack() as opened:
        server = opened.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(3):
            waiting = opened.enter_context(socket.socket())
            waiting.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                waiting.connect(server.getsockname())
        yield server.getsockname()[1]


def answers(status: int, *headers: str, body: bytes = b"") -> Handler:
    async def answer(_head: str, writer: asyncio.StreamWriter) -> None:
        lines = (f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers, "", "")
        writer.write("\r\n".join(lines).encode() + body)
        await writer.drain()

    return answer


async def hangs(_head: str, _writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def drips(_head: str, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(1)


async def sends_a_gigabyte(_head: str, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n")
    for _ in range(1024):
        writer.write(b"x" * 1024 * 1024)
        await writer.drain()


async def hangs_up(_head: str, _writer: asyncio.StreamWriter) -> None:
    return


async def resets(_head: str, writer: asyncio.StreamWriter) -> None:
    _reset(writer)


async def resets_half_way(_head: str, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nhalf")
    await writer.drain()
    await asyncio.sleep(0.1)
    _reset(writer)


def _reset(writer: asyncio.StreamWriter) -> None:
    transport_socket = writer.get_extra_info("socket")
    transport_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
    writer.transport.abort()


async def speaks_something_else(_head: str, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")
    await writer.drain()


async def echoes(head: str, writer: asyncio.StreamWriter) -> None:
    """All of the request's head as its answer."""
    await answers(200, body=head.encode())(head, writer)
