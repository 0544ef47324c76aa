"""TCP links that can be cut, stalled, slowed down and half-opened, one for each client and server.

A link behaves as a network does: what is stalled is not lost. TCP sends it again until it gets
through, so it arrives late, in order, once the link is healed: a request that its sender has long
given up may still be carried out. Only a half-open connection loses what is written to it.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Self, cast

_READ_AHEAD = 256 * 1024
"""Bytes that a stalled direction takes in before its sender's writes block, as a socket's would."""
_AT_ONCE = struct.pack("ii", 1, 0)


class Way(StrEnum):
    """The directions of a link."""

    up = "up"
    """From the client to the server."""
    down = "down"


@dataclass(frozen=True, slots=True)
class Condition:
    """How a link is: ``delay`` is in seconds and holds in both directions."""

    refuses: bool = False
    stalled: frozenset[Way] = frozenset()
    delay: float = 0.0


HEALTHY = Condition()


class Link:
    """Listens on ``port`` of loopback, and joins each connection with one to the server's.

    Use it as an async context manager; then nothing of it is left at the end.
    """

    def __init__(self, name: str, server_port: int) -> None:
        self.name = name
        self.port = 0
        self.condition = HEALTHY
        self._server_port = server_port
        self._listener: asyncio.Server | None = None
        self._joints: set[_Joint] = set()
        self._joining: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(self._accept, "127.0.0.1", self.port)
        self.port = self._listener.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._listener is not None
        self._listener.close()
        self._reset()
        for task in self._joining:
            task.cancel()
        await asyncio.gather(*self._joining, return_exceptions=True)

    @property
    def connections(self) -> int:
        return len(self._joints)

    def cut(self) -> None:
        """Reset every connection, and each new one, until healed. What was held up is lost."""
        self.condition = Condition(refuses=True)
        self._reset()

    def stall(self, *ways: Way) -> None:
        """Nothing gets through in these directions until healed; then all of it does."""
        self._become(Condition(stalled=frozenset(ways)))

    def slow_down(self, delay: float) -> None:
        """Everything takes ``delay`` seconds more, in each direction."""
        self._become(Condition(delay=delay))

    def half_open(self) -> None:
        """Reset the servers' ends only: the clients believe to be connected for ever, and what
        they write goes nowhere. New connections are sound."""
        for joint in self._joints:
            joint.server.lose()

    def heal(self) -> None:
        """Half-open connections stay as they are: no network mends those."""
        self._become(HEALTHY)

    def _become(self, condition: Condition) -> None:
        self.condition = condition
        for joint in list(self._joints):
            joint.client.pump()
            joint.server.pump()

    def _reset(self) -> None:
        for joint in list(self._joints):
            joint.reset()

    def _accept(self) -> asyncio.Protocol:
        joint = _Joint(lambda: self.condition, self._joints.discard, self._join)
        self._joints.add(joint)
        return joint.client

    def _join(self, joint: _Joint) -> None:
        """A client has come: connect it with the server."""
        if self.condition.refuses:
            joint.reset()
            return
        task = asyncio.get_running_loop().create_task(self._connect(joint))
        self._joining.add(task)
        task.add_done_callback(self._joining.discard)

    async def _connect(self, joint: _Joint) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: joint.server, "127.0.0.1", self._server_port)
        except OSError:
            joint.reset()
            return
        if self.condition.refuses or joint.client.gone:
            joint.reset()


class _Joint:
    """A client's connection and the server's that it is joined with."""

    def __init__(
        self,
        condition: Callable[[], Condition],
        over: Callable[[_Joint], None],
        join: Callable[[_Joint], None],
    ) -> None:
        self._over = over
        self.client = _End(Way.up, condition, lambda: join(self), self._end_is_gone)
        self.server = _End(Way.down, condition, lambda: None, self._end_is_gone)
        self.client.other, self.server.other = self.server, self.client

    def reset(self) -> None:
        for end in (self.client, self.server):
            end.abort()
        self._over(self)

    def _end_is_gone(self) -> None:
        if self.client.gone and self.server.gone:
            self._over(self)


class _End(asyncio.Protocol):
    """One socket of a joint. What it reads goes ``way``, and waits here until it may be written to
    the other end."""

    other: _End

    def __init__(
        self,
        way: Way,
        condition: Callable[[], Condition],
        up: Callable[[], None],
        down: Callable[[], None],
    ) -> None:
        self.gone = False
        self.lost = False
        self._way = way
        self._condition = condition
        self._up = up
        self._down = down
        self.transport: asyncio.Transport | None = None
        self._waiting: deque[tuple[float, bytes]] = deque()
        self._bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self.writable = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        if self.gone:
            self.transport.abort()
            return
        self.other.pump()
        self._up()

    def data_received(self, data: bytes) -> None:
        if self.other.lost:
            return
        due = asyncio.get_running_loop().time() + self._condition().delay
        self._waiting.append((due, data))
        self._bytes += len(data)
        self.pump()

    def connection_lost(self, error: Exception | None) -> None:
        self.gone = True
        if error is not None and not self.lost:
            self.other.abort()
        elif not self.lost:
            self.pump()
        self._down()

    def pause_writing(self) -> None:
        self.writable = False

    def resume_writing(self) -> None:
        self.writable = True
        self.other.pump()

    def lose(self) -> None:
        """Go, and let the other end believe that this one is still there."""
        self.lost = True
        self.abort()

    def abort(self) -> None:
        """With a reset, and at once."""
        self.gone = True
        if self._timer is not None:
            self._timer.cancel()
        if self.transport is not None:
            # Not to linger is to reset: the peer must not take it for an orderly end.
            socket_ = self.transport.get_extra_info("socket")
            if socket_.fileno() >= 0:
                socket_.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
            self.transport.abort()

    def pump(self) -> None:
        """Write what is due and may pass; a closed end closes the other one behind it."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        loop = asyncio.get_running_loop()
        out = self.other.transport
        free = out is not None and self.other.writable
        if free and self._way not in self._condition().stalled and not self.other.lost:
            assert out is not None
            while self._waiting and self._waiting[0][0] <= loop.time() + 0.001:
                _, data = self._waiting.popleft()
                self._bytes -= len(data)
                out.write(data)
            if self._waiting:
                self._timer = loop.call_at(self._waiting[0][0], self.pump)
            elif self.gone and not self.lost:
                out.close()
        self._hold_back(self._bytes > _READ_AHEAD)

    def _hold_back(self, full: bool) -> None:
        if self.transport is None or self.gone or self.transport.is_closing():
            return
        if full and self.transport.is_reading():
            self.transport.pause_reading()
        elif not full and not self.transport.is_reading():
            self.transport.resume_reading()
