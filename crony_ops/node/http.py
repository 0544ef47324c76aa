"""How the request of an HTTP job is made, and what its answer means."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

import aiohttp

if TYPE_CHECKING:
    from crony_ops.model.job import HttpAction

DEFAULT_TIMEOUT = 60
"""Seconds that a request may take in all when the job names no timeout: a run has to end."""
CONNECT_TIMEOUT = 10
MAX_REDIRECTS = 5
MAX_BODY = 64 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """``body`` is at most the first 64 KiB. ``reason`` is empty for a success."""

    status: int | None = None
    body: bytes = b""
    reason: str = ""


def open_session() -> aiohttp.ClientSession:
    """One for all jobs of an agent. It keeps no cookies, and takes no proxy from the environment.

    Made inside a running event loop; the caller closes it.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT),
        headers={"User-Agent": "crony-ops"},
        trust_env=False,
    )


async def request(session: aiohttp.ClientSession, action: HttpAction) -> Answer:
    """Never raises for what the server or the network does; the time in all is the caller's."""
    try:
        async with session.request(
            action.method,
            action.url,
            headers=action.headers,
            data=None if action.body is None else action.body.encode(),
            max_redirects=MAX_REDIRECTS,
        ) as response:
            status = response.status
            body = await _read(response)
            if not response.content.at_eof():
                response.close()
    except aiohttp.TooManyRedirects:
        return Answer(reason=f"more than {MAX_REDIRECTS} redirects")
    except aiohttp.SocketTimeoutError:
        return Answer(reason=f"no connection within {CONNECT_TIMEOUT} s")
    except aiohttp.InvalidURL as error:
        return Answer(reason=f"invalid URL: {error}")
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return Answer(reason=str(error) or type(error).__name__)
    return Answer(status=status, body=body, reason=_fault(action, status))


async def _read(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    while len(body) < MAX_BODY:
        chunk = await response.content.read(MAX_BODY - len(body))
        if not chunk:
            break
        body += chunk
    return bytes(body)


def _fault(action: HttpAction, status: int) -> str:
    """Empty for a success: a status that the job names, else any 2xx."""
    if status in action.expect if action.expect else 200 <= status < 300:
        return ""
    try:
        return f"HTTP {status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"HTTP {status}"
