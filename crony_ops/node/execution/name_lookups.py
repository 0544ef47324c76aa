"""How the hosts of HTTP jobs are looked up: a name server that does not answer holds up those who
ask it for a name, and neither other requests nor the agent's own work."""

from __future__ import annotations

import asyncio
import socket

from aiohttp.abc import AbstractResolver, ResolveResult

from crony_ops.probe import ask_apart

MOST = 64
"""Names that are looked up at once; the next waits, as long as its request does."""

_NUMERIC = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV


class NameLookups(AbstractResolver):
    """aiohttp's own takes the threads of `asyncio.to_thread`, of which there are few, and a request
    that is given up gives none of them back."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(MOST)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        # aiohttp never cancels this: so many names are so many threads.
        async with self._free:
            return await ask_apart(
                ("addresses", host, port, family), lambda: _look_up(host, port, family)
            )

    async def close(self) -> None:
        """There is nothing to close."""


def _look_up(host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult]:
    return [
        ResolveResult(
            hostname=host,
            # With the scope of a link-local address in it.
            host=socket.getnameinfo(address, _NUMERIC)[0],
            port=port,
            family=found,
            proto=protocol,
            flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
        )
        for found, _, protocol, _, address in socket.getaddrinfo(
            host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
        )
    ]
