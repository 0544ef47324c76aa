"""The links of the proof: each does to real sockets what it says, and is sound when healed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from crony_ops.local.waiting import wait_until
from tests.faults.proof.proxy import Link, Way

PATIENCE = 10.0


@dataclass
class EchoServer:
    """``heard``: all that came. ``opened``, ``reset``: how many connections began and ended so."""

    port: int = 0
    heard: bytearray = field(default_factory=bytearray)
    opened: int = 0
    reset: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        try:
            while data := await reader.read(65536):
                self.heard += data
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            self.reset += 1
        finally:
            writer.close()


@asynccontextmanager
async def a_link() -> AsyncIterator[tuple[Link, EchoServer]]:
    echo = EchoServer()
    server = await asyncio.start_server(echo.serve, "127.0.0.1", 0)
    echo.port = server.sockets[0].getsockname()[1]
    async with Link("link", echo.port) as link:
        yield link, echo
    server.close()


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def of(cls, link: Link) -> Client:
        return cls(*await asyncio.open_connection("127.0.0.1", link.port))

    def say(self, words: bytes) -> None:
        self.writer.write(words)

    async def hear(self, count: int, within: float = PATIENCE) -> bytes:
        async with asyncio.timeout(within):
            return await self.reader.readexactly(count)

    async def hears_nothing(self) -> bool:
        try:
            await self.hear(1, within=0.3)
        except TimeoutError:
            return True
        return False


async def test_a_sound_link_carries_all_in_order_also_more_than_it_keeps() -> None:
    async with a_link() as (link, echo):
        client = await Client.of(link)
        much = bytes(range(256)) * 16_384
        client.say(much)
        assert await client.hear(len(much)) == much
        assert bytes(echo.heard) == much
        client.writer.close()
        await wait_until(lambda: link.connections == 0, "the end of the connection", PATIENCE)


async def test_a_cut_link_resets_connections_and_refuses_new_ones_until_healed() -> None:
    async with a_link() as (link, echo):
        client = await Client.of(link)
        client.say(b"before")
        assert await client.hear(6) == b"before"
        link.cut()
        with pytest.raises(ConnectionResetError):
            await client.hear(1)
        await wait_until(lambda: echo.reset == 1, "the server's end is reset, too", PATIENCE)
        other = await Client.of(link)
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await other.hear(1)
        assert echo.opened == 1
        link.heal()
        third = await Client.of(link)
        third.say(b"after")
        assert await third.hear(5) == b"after"


@pytest.mark.parametrize("way", list(Way))
async def test_one_way_stalls_while_the_other_goes_on_and_nothing_is_lost(way: Way) -> None:
    async with a_link() as (link, echo):
        client = await Client.of(link)
        client.say(b"a")
        assert await client.hear(1) == b"a"
        link.stall(way)
        client.say(b"b")
        assert await client.hears_nothing()
        assert bytes(echo.heard) == (b"a" if way is Way.up else b"ab")
        link.heal()
        assert await client.hear(1) == b"b"


async def test_what_a_link_holds_up_is_lost_when_it_is_cut() -> None:
    async with a_link() as (link, echo):
        client = await Client.of(link)
        client.say(b"a")
        assert await client.hear(1) == b"a"
        link.stall(Way.down)
        client.say(b"b")
        await wait_until(lambda: bytes(echo.heard) == b"ab", "the server has heard it", PATIENCE)
        assert await client.hears_nothing()
        link.cut()
        link.heal()
        with pytest.raises(ConnectionResetError):
            await client.hear(1)


async def test_a_new_connection_over_a_stalled_link_stands_and_is_silent() -> None:
    async with a_link() as (link, echo):
        link.stall(*Way)
        client = await Client.of(link)
        client.say(b"late")
        assert await client.hears_nothing()
        assert not echo.heard
        link.heal()
        assert await client.hear(4) == b"late"


async def test_whoever_writes_into_a_stalled_link_is_held_back_as_by_a_full_socket() -> None:
    async with a_link() as (link, _):
        client = await Client.of(link)
        link.stall(Way.up)
        much = b"x" * 40_000_000
        client.say(much)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await client.writer.drain()
        link.heal()
        heard = 0
        while heard < len(much):
            heard += len(await client.reader.read(1 << 20))
        assert heard == len(much)


async def test_a_slow_link_is_late_in_each_direction_and_keeps_the_order() -> None:
    async with a_link() as (link, _):
        client = await Client.of(link)
        link.slow_down(0.3)
        began = time.monotonic()
        for number in range(5):
            client.say(bytes([number]))
            await asyncio.sleep(0)
        assert await client.hear(5) == bytes(range(5))
        assert time.monotonic() - began > 0.59
        link.heal()
        began = time.monotonic()
        client.say(b"x")
        await client.hear(1)
        assert time.monotonic() - began < 0.3


async def test_the_client_of_a_half_open_connection_believes_to_be_connected() -> None:
    async with a_link() as (link, echo):
        client = await Client.of(link)
        client.say(b"before")
        assert await client.hear(6) == b"before"
        link.half_open()
        await wait_until(lambda: echo.reset == 1, "the server's end is reset", PATIENCE)
        client.say(b"lost")
        assert await client.hears_nothing()
        link.heal()
        assert await client.hears_nothing()
        assert bytes(echo.heard) == b"before"
        other = await Client.of(link)
        other.say(b"sound")
        assert await other.hear(5) == b"sound"
        client.writer.close()
        other.writer.close()
        await wait_until(lambda: link.connections == 0, "both are forgotten", PATIENCE)


async def test_a_link_to_nobody_resets_who_comes() -> None:
    async with a_link() as (link, echo):
        nobody = echo.port
    async with Link("link", nobody) as link:
        client = await Client.of(link)
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await client.hear(1)
        await wait_until(lambda: link.connections == 0, "it is forgotten", PATIENCE)
