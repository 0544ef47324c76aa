"""How the request of an HTTP job is made, how much of its answer is kept, and what that means."""

from __future__ import annotations

import contextlib
import math
import zlib
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from crony_ops.model.reference import has_references
from crony_ops.model.run import run_stamp
from crony_ops.model.secret_names import sounds_secret
from crony_ops.node.execution.name_lookups import NameLookups
from crony_ops.node.execution.no_answer import NoAnswer, WouldTellSecrets, in_words
from crony_ops.node.execution.pattern import found_in
from crony_ops.node.execution.tls import context_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import SimpleNamespace

    from crony_ops.model.job import HttpAction
    from crony_ops.node.execution.run_folder import RunContext
    from crony_ops.secrets.lookup import Secrets

MAX_BODY = 64 * 1024
_GZIP_OR_DEFLATE = 47


class NotSent(Exception):
    """Once it was connected, the request might not be sent any more."""


@dataclass(slots=True)
class Answer:
    """What has come so far. ``body`` is at most the first 64 KiB, as they were sent."""

    status: int | None = None
    body: bytearray = field(default_factory=bytearray)
    encoding: str = ""
    charset: str = "utf-8"
    whole: bool = False
    """Whether all of it came, or as much as is kept."""

    @property
    def full(self) -> bool:
        """Whether there may be more than is kept."""
        return len(self.body) >= MAX_BODY

    def text(self) -> str:
        """At most 64 KiB of it, unpacked."""
        body = bytes(self.body)
        if self.encoding in ("gzip", "x-gzip", "deflate"):
            # Bounded, for a thousand times as much may come out. If it is no such thing after all,
            # it stays as it is.
            with contextlib.suppress(zlib.error):
                body = zlib.decompressobj(_GZIP_OR_DEFLATE).decompress(body, MAX_BODY)
        try:
            return body.decode(self.charset, "replace")
        except (LookupError, ValueError):
            return body.decode("utf-8", "replace")

    def so_far(self) -> str:
        if self.status is None:
            return "no answer came"
        if self.whole:
            return f"HTTP {self.status} came, and `expect_body` was still being sought in it"
        return f"of the answer came HTTP {self.status} and {len(self.body):,} bytes, but no end"


def open_session() -> aiohttp.ClientSession:
    """One for all jobs of an agent. It keeps no cookies, takes no proxy from the environment, and
    makes a connection for each request: an old one may be closed by the server at the very moment
    that it is used, and that would be told as a failure of the job.

    Made inside a running event loop; the caller closes it.
    """
    return aiohttp.ClientSession(
        # The threshold: a timeout of more than 5 s would be rounded up to the clock's next second.
        connector=aiohttp.TCPConnector(
            limit=0,
            force_close=True,
            timeout_ceil_threshold=math.inf,
            resolver=NameLookups(),
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        # Bounded in `Answer.text`: aiohttp would unpack all that comes.
        auto_decompress=False,
        headers={"User-Agent": "crony-ops", "Accept-Encoding": "identity"},
        trust_env=False,
        trace_configs=[_last_look()],
    )


def _last_look() -> aiohttp.TraceConfig:
    """Connecting may take a while, or this process may be frozen meanwhile: whoever asks has the
    last word when the request is about to be written, which is what aiohttp calls "sent" here."""

    async def look(
        _session: aiohttp.ClientSession,
        asked: SimpleNamespace,
        _request: aiohttp.TraceRequestHeadersSentParams,
    ) -> None:
        if getattr(asked, "was_sent", False):
            return  # it goes on to where it is redirected
        if not asked.trace_request_ctx():
            raise NotSent
        asked.was_sent = True

    config = aiohttp.TraceConfig()
    config.on_request_headers_sent.append(look)
    return config


def texts_of(action: HttpAction) -> Iterator[str]:
    """All in which references may stand."""
    yield action.url
    yield action.body or ""
    yield from action.query.values()
    yield from action.headers.values()


def identity(context: RunContext, attempt: int) -> dict[str, str]:
    """The headers by which the server knows a request that it has seen before, and one of an owner
    that is no more: what a shell run finds in its environment."""
    return {
        "Crony-Job": context.job_id,
        "Crony-Run": context.run_id,
        "Crony-Tick": run_stamp(context.tick),
        "Crony-Attempt": str(attempt),
        "Crony-Node": context.node,
        "Crony-Epoch": str(context.epoch),
    }


async def ask(
    session: aiohttp.ClientSession,
    action: HttpAction,
    told: Mapping[str, str],
    secrets: Secrets,
    answer: Answer,
    *,
    may_be_sent: Callable[[], bool],
) -> None:
    """Fills the answer as it comes; the time in all is the caller's. ``told``: headers that are
    sent besides the job's own, which have the last word. ``may_be_sent`` is asked once, when it is
    connected. Raises NoAnswer for all that the server or the network does wrong, NotSent, and
    NoTls."""
    context = await context_of(action)
    try:
        body = None if action.body is None else secrets.put_in(action.body).encode()
        url = URL(secrets.put_in(action.url)).extend_query(secrets.put_in_values(action.query))
        headers = CIMultiDict(told)
        headers.update(secrets.put_in_values(action.headers))
        async with session.request(
            action.method,
            url,
            headers=headers,
            data=body,
            allow_redirects=action.max_redirects > 0,
            max_redirects=action.max_redirects + 1,  # aiohttp counts the last answer, too
            timeout=aiohttp.ClientTimeout(total=None, connect=action.connect_timeout),
            middlewares=(_keeps_secrets(action, url), _once(action)),
            skip_auto_headers=("Content-Type",),
            ssl=context,
            trace_request_ctx=may_be_sent,
        ) as response:
            answer.status = response.status
            answer.encoding = response.headers.get("Content-Encoding", "").lower()
            answer.charset = response.charset or "utf-8"
            await _read(response, answer)
            if not response.content.at_eof():
                response.close()
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise NoAnswer(in_words(error, action, begun=answer.status is not None)) from None


async def fault_of(action: HttpAction, answer: Answer, text: str) -> str:
    """Why the answer, whose text is given, is no success: empty for one. Success is a status that
    the job names, else any 2xx, and what it wants to find in the text. Raises NotSearched."""
    status = answer.status
    assert status is not None
    try:
        said = f"HTTP {status} {HTTPStatus(status).phrase}"
    except ValueError:
        said = f"HTTP {status}"
    if not (status in action.expect if action.expect else 200 <= status < 300):
        return said
    if action.expect_body is None or await found_in(text, action.expect_body):
        return ""
    return f"{said}, but `{action.expect_body}` is not in the answer"


def _keeps_secrets(action: HttpAction, first: URL) -> aiohttp.ClientMiddlewareType:
    """A redirect to another host gets no secret. aiohttp itself keeps back no headers but
    `Authorization` and cookies."""
    private = [
        name
        for name, value in action.headers.items()
        if sounds_secret(name) or has_references(value)
    ]

    async def send(
        request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        if request.url.origin() != first.origin():
            for name in private:
                request.headers.popall(name, None)
            if request.body and has_references(action.body or ""):
                raise WouldTellSecrets
        return await handler(request)

    return send


def _once(action: HttpAction) -> aiohttp.ClientMiddlewareType:
    """A request whose connection broke is not sent again: that is for the job's retries to say.
    aiohttp itself repeats a GET or a PUT, unless it sees an error that is none of its own."""

    async def send(
        request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        try:
            return await handler(request)
        except (aiohttp.ClientConnectionError, OSError) as error:
            raise NoAnswer(in_words(error, action, begun=False)) from None

    return send


async def _read(response: aiohttp.ClientResponse, answer: Answer) -> None:
    while not answer.full:
        chunk = await response.content.read(MAX_BODY - len(answer.body))
        if not chunk:
            break
        answer.body += chunk
    answer.whole = True
