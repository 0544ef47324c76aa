"""HTTP jobs against real servers, good ones and bad: each ends in time, with a truthful result."""

from __future__ import annotations

import asyncio
import datetime as dt
import gzip
import itertools
import re
import resource
import ssl
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from crony_ops.model.job import Job
from crony_ops.model.run import RunState
from crony_ops.node.execution import http
from crony_ops.node.execution.attempts import Execution, Outcome
from crony_ops.node.execution.run_folder import RunContext, RunFolder
from tests.integration.node.servers import (
    Handler,
    answers,
    drips,
    echoes,
    full_backlog,
    hangs,
    hangs_up,
    resets,
    resets_half_way,
    sends_a_gigabyte,
    serving,
    speaks_something_else,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    import aiohttp

SECRET = "hunter2/ü&x"


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with http.open_session() as opened:
        yield opened


class Asked:
    """A job's run, and all that is kept of it."""

    def __init__(self, folder: Path, session: aiohttp.ClientSession) -> None:
        self._folder = folder
        self._session = session
        self.commands: list[str] = []
        self.looks: Iterator[tuple[RunState, str] | None] = iter(())
        self.outcome: Outcome

    async def __call__(self, url: str, **fields: Any) -> Outcome:
        job = Job.model_validate(
            {
                "schedule": "@daily",
                "timeout": fields.pop("timeout", 5),
                "retries": fields.pop("retries", {}),
                "http": {"url": url, **fields},
            }
        )
        context = RunContext(
            job_id="j", run_id="r", tick=1_795_363_200, node="n", epoch=1, kill_grace=1
        )
        execution = Execution(
            job,
            context,
            RunFolder(self._folder, 3).files("j", "r"),
            lambda: self._session,
            on_process=lambda _pid, _attempt, command: self.commands.append(command),
            on_process_end=lambda _pid: None,
            fenced=lambda _attempt: next(self.looks, None),
        )
        self.outcome = await execution.perform()
        return self.outcome

    def kept(self) -> str:
        files = [path.read_text() for path in self._folder.glob("j/*")]
        return "\n".join([str(self.outcome), *self.commands, *files])


@pytest.fixture
def ask(tmp_path: Path, session: aiohttp.ClientSession) -> Asked:
    return Asked(tmp_path / "runs", session)


@pytest.mark.parametrize(
    ("handler", "fields", "state", "reason"),
    [
        (hangs, {"timeout": 1}, "timed_out", "timed out after 1s: no answer came"),
        (drips, {"timeout": 2}, "timed_out", "timed out after 2s: of the answer came HTTP 200 and"),
        (sends_a_gigabyte, {}, "succeeded", ""),
        (hangs_up, {}, "failed", "the connection was closed before an answer came"),
        (resets, {}, "failed", "the connection was reset before an answer came"),
        (resets_half_way, {}, "failed", "the connection ended before the answer did"),
        (speaks_something_else, {}, "failed", "what came is no proper HTTP answer"),
        (answers(500), {}, "failed", "HTTP 500 Internal Server Error"),
        (answers(500), {"expect": [500]}, "succeeded", ""),
        (answers(299), {}, "succeeded", ""),
        (answers(299), {"expect": [200]}, "failed", "HTTP 299"),
        (answers(302, "Location: /"), {}, "failed", "more than 5 redirects"),
        (answers(302, "Location: /"), {"max_redirects": 1}, "failed", "more than 1 redirects"),
        (answers(302, "Location: /"), {"max_redirects": 0}, "failed", "HTTP 302 Found"),
        (answers(302, "Location: /"), {"max_redirects": 0, "expect": [302]}, "succeeded", ""),
        (
            answers(302, "Location: file:///etc/passwd"),
            {},
            "failed",
            "redirected to what is no http:// or https:// URL",
        ),
        (answers(200, body=b'{"ok": 1}'), {"expect_body": '{"ok": [0-9]}'}, "succeeded", ""),
        (
            answers(200, body=b"error"),
            {"expect_body": "^ok"},
            "failed",
            "HTTP 200 OK, but `^ok` is not in the answer",
        ),
        (
            answers(200, "Content-Type: text/plain; charset=gbk", body="你好".encode("gbk")),
            {"expect_body": "你好"},
            "succeeded",
            "",
        ),
        (
            answers(200, "Content-Type: text/plain; charset=no-such", body="grüß".encode()),
            {"expect_body": "grüß"},
            "succeeded",
            "",
        ),
        (answers(200), {"headers": {"A": "b\nc"}}, "failed", "this is no URL, or a header"),
    ],
)
async def test_every_answer_is_told_truthfully(
    ask: Asked, handler: Handler, fields: dict[str, object], state: str, reason: str
) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()
    async with serving(handler) as port:
        outcome = await ask(f"http://127.0.0.1:{port}/", **fields)
    assert outcome.state == state, outcome
    assert outcome.reason.startswith(reason)
    assert bool(outcome.reason) == bool(reason)
    assert time.monotonic() - began < 10
    assert len(outcome.attempts[0].output) <= 4096
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000


async def test_what_came_before_a_timeout_is_kept(ask: Asked) -> None:
    async with serving(drips) as port:
        outcome = await ask(f"http://127.0.0.1:{port}/", timeout=1)
    assert (outcome.attempts[0].status, outcome.attempts[0].output) == (200, "x")


async def test_nobody_listens(ask: Asked) -> None:
    outcome = await ask("http://127.0.0.1:1/")
    assert outcome.reason == "no connection to 127.0.0.1:1: Connection refused"


async def test_a_name_that_is_not_known(ask: Asked) -> None:
    outcome = await ask("http://no-such-host.invalid/", connect_timeout=60, timeout=90)
    assert outcome.reason.startswith("the name no-such-host.invalid can't be resolved: ")


@pytest.mark.parametrize("url", ["http://[::1/", "http://127.0.0.1:99999/", "http://a..b/"])
async def test_what_is_no_url(ask: Asked, url: str) -> None:
    outcome = await ask(url)
    assert outcome.reason.startswith("this is no URL")


async def test_a_server_that_accepts_nothing(ask: Asked) -> None:
    began = time.monotonic()
    with full_backlog() as port:
        outcome = await ask(f"http://127.0.0.1:{port}/", connect_timeout=1, timeout=30)
    assert (outcome.state, outcome.reason) == (RunState.failed, "no connection within 1s")
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("fields", [{}, {"method": "POST", "body": "some"}])
async def test_nothing_is_sent_once_the_lease_has_run_out_while_it_was_connected(
    ask: Asked, fields: dict[str, str]
) -> None:
    heads: list[str] = []

    async def notes(head: str, writer: asyncio.StreamWriter) -> None:
        heads.append(head)
        await answers(200)(head, writer)

    async with serving(notes) as port:
        ask.looks = iter([None, (RunState.fenced, "it ran out")])
        outcome = await ask(f"http://127.0.0.1:{port}/first", **fields)
        assert (outcome.state, outcome.reason) == (RunState.fenced, "it ran out")
        assert (outcome.attempts, outcome.started_at) == ((), None)
        await ask(f"http://127.0.0.1:{port}/second", **fields)
    assert [head.split()[1] for head in heads] == ["/second"]


async def test_a_request_that_was_sent_goes_on_whatever_becomes_of_the_lease(ask: Asked) -> None:
    async def leads_on(head: str, writer: asyncio.StreamWriter) -> None:
        where = () if "/there" in head else ("Location: /there",)
        await answers(302 if where else 200, *where)(head, writer)

    ask.looks = itertools.chain([None, None], itertools.repeat((RunState.lost, "it ran out")))
    async with serving(leads_on) as port:
        outcome = await ask(f"http://127.0.0.1:{port}/")
    assert outcome.state is RunState.succeeded, outcome


async def test_a_bomb_is_not_unpacked_beyond_what_is_kept(ask: Asked) -> None:
    bomb = gzip.compress(b"x" * 100_000_000, 9)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with serving(answers(200, "Content-Encoding: gzip", body=bomb)) as port:
        outcome = await ask(f"http://127.0.0.1:{port}/", expect_body="^x{1000}")
    assert outcome.state is RunState.succeeded, outcome
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000


async def test_a_catastrophic_pattern_ends_and_is_told(ask: Asked) -> None:
    async with serving(answers(200, body=b"a" * 60_000 + b"!")) as port:
        outcome = await ask(f"http://127.0.0.1:{port}/", expect_body="(a+)+$", timeout=30)
        assert outcome.reason == "`(a+)+$` took more than 2 s to search"
        outcome = await ask(f"http://127.0.0.1:{port}/", expect_body="(a+)+$", timeout=1)
    said = "timed out after 1s: HTTP 200 came, and `expect_body` was still being sought in it"
    assert outcome.reason == said


async def test_a_request_is_sent_as_it_is_written(ask: Asked) -> None:
    async with serving(echoes) as port:
        outcome = await ask(
            f"http://127.0.0.1:{port}/p?a=1",
            method="propfind",
            query={"b": "x y&ü", "a": "2"},
            headers={"X-One": "1", "User-Agent": "mine"},
            body="plain",
        )
    line, *headers = outcome.attempts[0].output.splitlines()
    assert line == "PROPFIND /p?a=1&b=x+y%26%C3%BC&a=2 HTTP/1.1"
    assert {"X-One: 1", "User-Agent: mine", "Accept-Encoding: identity"} <= set(headers)
    assert "Content-Length: 5" in headers
    assert not any(header.startswith("Content-Type") for header in headers)


async def test_a_server_is_told_which_run_asks_unless_the_job_tells_it_otherwise(
    ask: Asked,
) -> None:
    async with serving(echoes) as port:
        url = f"http://127.0.0.1:{port}/"
        told = (await ask(url)).attempts[0].output.splitlines()
        own = (await ask(url, headers={"crony-tick": "mine"})).attempts[0].output.splitlines()
    run = {"Crony-Job: j", "Crony-Run: r", "Crony-Attempt: 1", "Crony-Node: n", "Crony-Epoch: 1"}
    assert {*run, "Crony-Tick: 20261122T160000Z"} <= set(told)
    assert {*run, "crony-tick: mine"} <= set(own)
    assert "Crony-Tick: 20261122T160000Z" not in own


@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
@pytest.mark.parametrize("ends", [hangs_up, resets])
async def test_an_attempt_sends_its_request_once(ask: Asked, method: str, ends: Handler) -> None:
    heads: list[str] = []

    async def counts(head: str, writer: asyncio.StreamWriter) -> None:
        heads.append(head)
        await ends(head, writer)

    async with serving(counts) as port:
        outcome = await ask(f"http://127.0.0.1:{port}/", method=method)
    assert outcome.state is RunState.failed
    assert len(heads) == 1


async def test_named_statuses_alone_are_retried(ask: Asked) -> None:
    retries = {"count": 2, "delay": 0, "retry_on": [503]}
    async with serving(answers(503)) as port:
        outcome = await ask(f"http://127.0.0.1:{port}/", retries=retries)
    assert [attempt.status for attempt in outcome.attempts] == [503, 503, 503]
    async with serving(answers(500)) as port:
        outcome = await ask(f"http://127.0.0.1:{port}/", retries=retries)
    assert [attempt.status for attempt in outcome.attempts] == [500]


class Authority:
    """``ca_file`` holds its certificate."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.ca = trustme.CA()
        self.ca_file = folder / "ca.pem"
        self.ca.cert_pem.write_to_path(self.ca_file)
        self._folder = folder

    def server(self, name: str = "127.0.0.1", *, expired: bool = False) -> ssl.SSLContext:
        old = dt.datetime(2021, 1, 1, tzinfo=dt.UTC) if expired else None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(name, not_after=old).configure_cert(context)
        return context

    def client(self) -> dict[str, str]:
        """The fields of a job that shows a certificate of this authority."""
        issued = self.ca.issue_cert("client.example")
        issued.private_key_pem.write_to_path(self._folder / "key.pem")
        issued.cert_chain_pems[0].write_to_path(self._folder / "cert.pem")
        return {
            "client_cert": str(self._folder / "cert.pem"),
            "client_key": str(self._folder / "key.pem"),
        }


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


@pytest.fixture
def stranger(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "stranger")


@pytest.mark.parametrize(
    ("name", "expired", "trusted", "reason"),
    [
        ("127.0.0.1", False, True, ""),
        ("127.0.0.1", True, True, "certificate has expired"),
        ("example.com", False, True, "IP address mismatch, certificate is not valid for"),
        ("127.0.0.1", False, False, "unable to get local issuer certificate"),
    ],
)
async def test_certificates(
    ask: Asked, authority: Authority, name: str, expired: bool, trusted: bool, reason: str
) -> None:
    fields = {"ca_file": str(authority.ca_file)} if trusted else {}
    async with serving(answers(200), authority.server(name, expired=expired)) as port:
        outcome = await ask(f"https://127.0.0.1:{port}/", **fields)
    if reason:
        place = f"the certificate of 127.0.0.1:{port} is not trusted: "
        assert outcome.reason.startswith(place + reason)
    else:
        assert outcome.state is RunState.succeeded, outcome


async def test_a_self_signed_certificate(ask: Asked, tmp_path: Path) -> None:
    own = trustme.CA()
    own.private_key_pem.write_to_path(tmp_path / "key")
    own.cert_pem.write_to_path(tmp_path / "cert")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    async with serving(answers(200), context) as port:
        outcome = await ask(f"https://127.0.0.1:{port}/")
    assert re.search("is not trusted: self.signed certificate", outcome.reason)


async def test_a_server_that_never_shakes_hands(ask: Asked) -> None:
    async def silent(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    outcome = await ask(f"https://127.0.0.1:{port}/", connect_timeout=1, timeout=30)
    assert outcome.reason == "no connection within 1s"
    server.close()


async def test_a_client_certificate(
    ask: Asked, authority: Authority, stranger: Authority, tmp_path: Path
) -> None:
    context = authority.server()
    authority.ca.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    trust = {"ca_file": str(authority.ca_file)}
    async with serving(answers(200), context) as port:
        url = f"https://127.0.0.1:{port}/"
        assert (await ask(url, **trust, **authority.client())).state is RunState.succeeded
        for wrong in ({}, stranger.client()):
            outcome = await ask(url, **trust, **wrong)
            assert outcome.state is RunState.failed
            assert "whose client certificate is missing or refused" in outcome.reason
        outcome = await ask(url, **trust, client_cert=str(tmp_path / "none.pem"))
        assert outcome.reason == f"{tmp_path}/none.pem: No such file or directory"
        outcome = await ask(url, **trust, client_cert=str(authority.ca_file))
        assert outcome.reason.startswith(f"no certificate with its key in {authority.ca_file}: ")
        outcome = await ask(url, ca_file=__file__)
        assert outcome.reason.startswith(f"{__file__} holds no authorities to trust: ")


async def test_a_certificate_that_was_renewed_is_read_again(
    ask: Asked, authority: Authority, stranger: Authority, tmp_path: Path
) -> None:
    trusted = tmp_path / "trusted.pem"
    trusted.write_bytes(stranger.ca_file.read_bytes())
    async with serving(answers(200), authority.server()) as port:
        url = f"https://127.0.0.1:{port}/"
        assert (await ask(url, ca_file=str(trusted))).state is RunState.failed
        trusted.write_bytes(authority.ca_file.read_bytes())
        assert (await ask(url, ca_file=str(trusted))).state is RunState.succeeded


@pytest.fixture
def secret(tmp_path: Path) -> str:
    """A reference to it."""
    (tmp_path / "token").write_text(f"{SECRET}\n")
    return f"${{file:{tmp_path}/token}}"


async def test_a_secret_is_sent_and_not_kept(
    ask: Asked, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRONY_TEST_TOKEN", "correct-horse")
    heads: list[str] = []

    async def echo(head: str, writer: asyncio.StreamWriter) -> None:
        heads.append(head)
        await answers(500, body=f"{head} and {SECRET}".encode())(head, writer)

    async with serving(echo) as port:
        outcome = await ask(
            f"http://127.0.0.1:{port}/x?p=${{env:CRONY_TEST_TOKEN}}",
            query={"t": secret},
            headers={"X-Token": f"$${{x}} {secret}"},
            retries={"count": 1, "delay": 0},
        )
    assert heads[0].startswith("GET /x?p=correct-horse&t=hunter2/%C3%BC%26x ")
    assert f"X-Token: ${{x}} {SECRET}" in heads[0].encode("latin-1").decode()
    assert outcome.reason == "HTTP 500 Internal Server Error"
    assert "X-Token: ${x} ***" in outcome.attempts[1].output
    kept = ask.kept()
    assert secret in kept, "the journal is there, and has the reference"
    assert "hunter2" not in kept
    assert "correct-horse" not in kept


async def test_a_secret_where_an_answer_is_cut_is_not_kept_in_part(
    ask: Asked, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("correct-horse")
    body = b"x" * (http.MAX_BODY - 8) + b"correct-horse"
    async with serving(answers(500, body=body)) as port:
        outcome = await ask(
            f"http://127.0.0.1:{port}/", headers={"A": f"${{file:{tmp_path}/token}}"}
        )
    assert outcome.attempts[0].output.endswith("x***")
    assert "corr" not in ask.kept()


async def test_userinfo_is_sent_as_basic_authorization_and_not_kept(
    ask: Asked, tmp_path: Path
) -> None:
    (tmp_path / "pw").write_text("correct-horse\n")
    async with serving(echoes) as port:
        outcome = await ask(f"http://anna:${{file:{tmp_path}/pw}}@127.0.0.1:{port}/")
    assert "Authorization: Basic " in outcome.attempts[0].output
    assert "correct-horse" not in ask.kept()
    assert "Y29ycmVjdC1ob3JzZQ" not in ask.kept()
    assert "jb3JyZWN0LWhvcnNl" not in ask.kept()


async def test_a_secret_that_cannot_be_had_fails_the_attempt(ask: Asked, tmp_path: Path) -> None:
    retries = {"count": 1, "delay": 0}
    async with serving(echoes) as port:
        outcome = await ask(
            f"http://127.0.0.1:{port}/",
            headers={"A": f"${{file:{tmp_path}/none}}"},
            retries=retries,
        )
    assert (outcome.state, len(outcome.attempts)) == (RunState.failed, 2)
    assert outcome.reason == f"${{file:{tmp_path}/none}}: No such file or directory"


async def test_a_secret_that_makes_no_url_is_not_told(ask: Asked, tmp_path: Path) -> None:
    (tmp_path / "host").write_text("[hunter2")
    outcome = await ask(f"http://${{file:{tmp_path}/host}}/")
    assert outcome.state is RunState.failed
    assert "hunter2" not in ask.kept()


async def test_a_host_that_is_a_secret_is_not_told(ask: Asked, tmp_path: Path) -> None:
    (tmp_path / "host").write_text("hunter2.invalid")
    outcome = await ask(f"http://${{file:{tmp_path}/host}}/", connect_timeout=60, timeout=90)
    assert outcome.reason.startswith("the name *** can't be resolved")
    assert "hunter2" not in ask.kept()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_to_another_host_gets_no_secret(
    ask: Asked, tmp_path: Path, status: int
) -> None:
    (tmp_path / "token").write_text("hunter2")
    headers = {
        "Authorization": f"Bearer ${{file:{tmp_path}/token}}",
        "X-Api-Key": "hunter2",
        "X-Innocent": f"x${{file:{tmp_path}/token}}",
        "X-Other": "kept",
    }
    async with AsyncExitStack() as stack:
        far = await stack.enter_async_context(serving(echoes))
        redirect = answers(status, f"Location: http://127.0.0.1:{far}/")
        near = await stack.enter_async_context(serving(redirect))
        outcome = await ask(f"http://127.0.0.1:{near}/", headers=headers)
    assert outcome.state is RunState.succeeded, outcome
    received = outcome.attempts[0].output
    assert "X-Other: kept" in received
    for name in ("Authorization", "X-Api-Key", "X-Innocent"):
        assert name not in received


@pytest.mark.parametrize(("status", "followed"), [(303, True), (307, False), (308, False)])
async def test_a_secret_in_the_body_is_not_sent_on(
    ask: Asked, secret: str, status: int, followed: bool
) -> None:
    async with AsyncExitStack() as stack:
        far = await stack.enter_async_context(serving(echoes))
        redirect = answers(status, f"Location: http://127.0.0.1:{far}/")
        near = await stack.enter_async_context(serving(redirect))
        outcome = await ask(f"http://127.0.0.1:{near}/", method="POST", body=secret)
    assert (outcome.state is RunState.succeeded) == followed
    if not followed:
        assert outcome.reason.startswith("redirected to another host")


async def test_a_redirect_on_the_same_host_keeps_its_headers(ask: Asked) -> None:
    async def there(head: str, writer: asyncio.StreamWriter) -> None:
        if head.startswith("GET /there"):
            await echoes(head, writer)
        else:
            await answers(307, "Location: /there")(head, writer)

    async with serving(there) as port:
        outcome = await ask(f"http://127.0.0.1:{port}/", headers={"Authorization": "Bearer t"})
    assert "Authorization: Bearer t" in outcome.attempts[0].output
