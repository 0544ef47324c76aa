"""Servers that take alerts, each on a free port of loopback, in the test's own event loop."""

from __future__ import annotations

import asyncio
import email
import email.policy
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import web
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

if TYPE_CHECKING:
    import trustme

USER, PASSWORD = "alerts", "correct horse+battery/staple"


@dataclass
class Mailbox:
    """An SMTP server's: what it took, and what it shall answer."""

    port: int = 0
    letters: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    """By recipient."""
    answer: str = "250 2.0.0 Ok: queued as 4F2A1"
    held: asyncio.Event = field(default_factory=asyncio.Event)
    """Set: a letter is answered at once."""

    def __post_init__(self) -> None:
        self.held.set()

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: Any
    ) -> str:
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802
        self, _server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        await self.held.wait()
        assert isinstance(envelope.content, bytes)
        if self.answer.startswith("250"):
            letter = email.message_from_bytes(envelope.content, policy=email.policy.default)
            assert isinstance(letter, EmailMessage)
            self.letters.append(letter)
            self.recipients.append(list(envelope.rcpt_tos))
            self.encrypted.append(session.ssl is not None)
        return self.answer

    def authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: Any
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append(data.login.decode())
        fits = data.login.decode() == USER and data.password.decode() == PASSWORD
        return AuthResult(success=fits, handled=False)


@asynccontextmanager
async def smtp_server(
    tls: ssl.SSLContext | None = None, *, implicit: bool = False, login: bool = False
) -> AsyncIterator[Mailbox]:
    mailbox = Mailbox()

    def serve() -> SMTP:
        return SMTP(
            mailbox,
            hostname="mail.test",
            tls_context=None if implicit else tls,
            require_starttls=tls is not None and not implicit,
            authenticator=mailbox.authenticate if login else None,
            auth_required=login,
            auth_require_tls=False,  # for logins over implicit TLS, and over none
            loop=asyncio.get_running_loop(),
        )

    server = await asyncio.get_running_loop().create_server(
        serve, "127.0.0.1", 0, ssl=tls if implicit else None
    )
    mailbox.port = server.sockets[0].getsockname()[1]
    try:
        yield mailbox
    finally:
        mailbox.held.set()
        server.close()


@dataclass
class Request:
    headers: dict[str, str]
    path: str
    body: bytes


@dataclass
class Endpoint:
    """An HTTP server's: what came, and where it is."""

    url: str
    requests: list[Request] = field(default_factory=list)


Answering = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def http_server(
    answer: Answering, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Endpoint]:
    endpoint = Endpoint("")

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        body = await request.content.read()
        endpoint.requests.append(Request(dict(request.headers), request.path_qs, body))
        return await answer(request)

    server = web.Server(handle)
    runner = web.ServerRunner(server, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    port = runner.addresses[0][1]
    endpoint.url = f"{'https' if tls else 'http'}://localhost:{port}"
    try:
        yield endpoint
    finally:
        await runner.cleanup()


def says(status: int, body: str = "", **headers: str) -> Answering:
    async def answer(_request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(
            status=status,
            text=body,
            headers={name.replace("_", "-"): value for name, value in headers.items()},
        )

    return answer


def server_tls(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*names).configure_cert(context)
    return context


def trusted(authority: trustme.CA, folder: Path) -> Path:
    """A file of that authority, for `ca_file`."""
    path = folder / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    return path
