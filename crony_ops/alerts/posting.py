"""One HTTP request that carries an alert, and what its answer means for the next attempt."""

from __future__ import annotations

import asyncio
import json
import os
import re
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import aiohttp

from crony_ops.alerts.message import Undelivered
from crony_ops.alerts.trust import authorities, tls_fault
from crony_ops.probe import ask_apart

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MAX_ANSWER = 16 * 1024
"""Bytes of an answer that are read."""
_LONGEST_REST = 86_400.0
_AGAIN = {408, 425, 429}
_ERRNO = re.compile(r"\[Errno (\d+)\]")


@dataclass(frozen=True, slots=True)
class Answer:
    """``text`` is its beginning. ``retry_after`` is in seconds, if it says so."""

    status: int
    text: str = ""
    retry_after: float | None = None

    def fields(self) -> dict[str, Any]:
        """Those of the JSON object that it is; none if it is another thing."""
        try:
            said = json.loads(self.text)
        except (ValueError, RecursionError):
            return {}
        return said if isinstance(said, dict) else {}

    def __str__(self) -> str:
        try:
            said = f"HTTP {self.status} {HTTPStatus(self.status).phrase}"
        except ValueError:
            said = f"HTTP {self.status}"
        return f"{said}: {self.text}" if self.text else said


async def post(
    url: str, body: bytes, headers: Mapping[str, str], ca_file: Path | None, timeout: float
) -> Answer:
    """Send it once. No redirect is followed, no proxy or cookie used, certificates are verified.
    ``timeout``: seconds in all. Raises Undelivered where no answer comes; its reason quotes neither
    URL nor headers."""
    try:
        async with (
            asyncio.timeout(timeout),
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(force_close=True),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                timeout=aiohttp.ClientTimeout(total=None),
                trust_env=False,
            ) as session,
            session.post(
                url,
                data=body,
                headers={"User-Agent": "crony-ops", "Accept-Encoding": "identity", **headers},
                allow_redirects=False,
                ssl=await ask_apart(("authorities", ca_file), lambda: authorities(ca_file)),
            ) as response,
        ):
            text = (await _beginning(response)).decode("utf-8", "replace")
            rest = retry_after(response.headers.get("Retry-After", ""), datetime.now(UTC))
            response.close()
            return Answer(response.status, text, rest)
    except TimeoutError:
        reason = f"no answer within {timeout:g} s"
    except (aiohttp.ClientError, OSError, ValueError) as error:
        reason = _in_words(error)
    raise Undelivered(reason=reason, permanent=False)


def verdict(answer: Answer) -> Undelivered | None:
    """None for a 2xx. Another attempt can't mend a redirect, nor what is wrong with the request."""
    if 200 <= answer.status < 300:
        return None
    permanent = 300 <= answer.status < 500 and answer.status not in _AGAIN
    hint = " (redirects are not followed)" if 300 <= answer.status < 400 else ""
    return Undelivered(
        reason=f"{answer}{hint}", permanent=permanent, retry_after=answer.retry_after
    )


def retry_after(header: str, now: datetime) -> float | None:
    """Seconds, a day at most; None for what says nothing. ``now`` has a time zone."""
    header = header.strip()
    if header.isascii() and header.isdigit():
        return min(float(header[:9]), _LONGEST_REST)
    try:
        moment = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max((moment - now).total_seconds(), 0.0), _LONGEST_REST)


async def _beginning(response: aiohttp.ClientResponse) -> bytes:
    read = bytearray()
    while len(read) < MAX_ANSWER:
        chunk = await response.content.read(MAX_ANSWER - len(read))
        if not chunk:
            break
        read += chunk
    return bytes(read)


def _in_words(error: Exception) -> str:
    """Never the library's own: they may quote what was sent."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            fault = getattr(error.certificate_error, "verify_message", "") or "it is wrong"
            return f"the certificate of {error.host}:{error.port} is not trusted: {fault}"
        case aiohttp.ClientConnectorError():
            return f"no connection to {error.host}:{error.port}: {_strerror(error.os_error)}"
        case aiohttp.ClientResponseError():
            return "what came is no proper HTTP answer"
        case aiohttp.ClientPayloadError():
            return "the connection ended before the answer did"
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError() | ValueError():
            return "the URL or a header is of a kind that can't be sent"
    return "the connection was closed before an answer came"


def _strerror(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return tls_fault(error)
    listed = _ERRNO.search(str(error))
    number = error.errno or (int(listed[1]) if listed else None)
    # A resolver's numbers are negative and no errno.
    return os.strerror(number) if number and number > 0 else error.strerror or "it was broken off"
