"""Whatever a server answers, an HTTP job comes to an end that can be told."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crony_ops.model.job import HttpAction
from crony_ops.node.execution.http import MAX_BODY, Answer, ask, fault_of, open_session
from crony_ops.node.execution.no_answer import NoAnswer
from crony_ops.secrets.lookup import Secrets
from tests.effort import times
from tests.integration.node.servers import serving

pytestmark = pytest.mark.fuzz

PATIENCE = 10.0
STATUSES = st.sampled_from(
    [
        *(b"HTTP/1.1 200 OK", b"HTTP/1.0 200 OK", b"HTTP/1.1 204 None", b"HTTP/1.1 302 Found"),
        *(b"HTTP/1.1 308 There", b"HTTP/1.1 304 Same", b"HTTP/1.1 100 Go on", b"HTTP/1.1 101 Up"),
        *(b"HTTP/1.1 999 \xff\xfe", b"HTTP/1.1 20", b"HTTP/1.1 -1 X", b"HTTP/9.9 200 OK", b"\0"),
        *(b"HTTP/1.1 200 " + b"O" * 9_000, b"ICY 200 OK", b"HTTP/1.1  200  OK", b"220 mail ESMTP"),
    ]
)
HEADERS = st.sampled_from(
    [
        *(b"Content-Length: 5", b"Content-Length: 6", b"Content-Length: -1"),
        *(b"Content-Length: 1e3", b"Content-Length: 99999999999999999999"),
        *(b"Transfer-Encoding: chunked", b": x", b" folded", b"Transfer-Encoding: chunked, gzip"),
        *(b"Transfer-Encoding: \xff", b"Connection: close", b"Content-Encoding: gzip"),
        *(b"Content-Encoding: br", b"Content-Encoding: \xe9"),
        *(b"Content-Type: text/plain; charset=utf-16", b"Content-Type: text/plain; charset=x\xff"),
        *(b'Content-Type: ;;;="', b"Content-Type: text/plain; charset=idna", b"Upgrade: h2c"),
        *(b"Content-Type: text/plain; charset=hex", b"Content-Type: x; charset=unicode_escape"),
        *(b"Location: /", b"Location: ", b"Location: //", b"Location: http://", b"Location: \xff"),
        *(b"Location: http://[::1", b"Location: http://x:99999/", b"Location: file:///etc/passwd"),
        *(b"Location: http://127.0.0.1:1/", b"Location: javascript:x"),
        *(b"Location: http://\xc3\xa9", b"Location: http://u:p@127.0.0.1:1/"),
        *(b"Location: ?" + b"a" * 5_000, b"URI: \r", b"X: " + b"x" * 20_000),
        *(b"X" * 20_000 + b": x", b"no colon", b"X: \0", b"Set-Cookie: ;=;"),
    ]
)
BODIES = st.sampled_from(
    [
        *(b"", b"short", b"\xff\xfe\xff", b"\x1f\x8b\x08\0\0\0\0\0", b"x" * 200_000),
        *(b"5\r\nshort\r\n", b"5\r\nshort\r\n0\r\n\r\n", b"ffffffffffffffffffff\r\nx", b"-1\r\n"),
        *(b"5;a=b\r\nshort\r\n0\r\n", b"zz\r\n", b"5\r\nshortX"),
        *(b"0\r\nX: " + b"x" * 20_000 + b"\r\n\r\n", b"1\r\n" * 5_000, b"\r\n" * 50),
        *(b"HTTP/1.1 200 OK\r\n\r\n", b"5 \r\nshort\r\n0\r\n\r\n"),
    ]
)


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    """Nearly HTTP."""
    lines = [draw(STATUSES), *draw(st.lists(HEADERS, max_size=4))]
    end = draw(st.sampled_from([b"\r\n", b"\r\n", b"\n"]))
    whole = end.join(lines) + end * 2 + draw(BODIES)
    return whole[: draw(st.integers(0, len(whole)))] if draw(st.booleans()) else whole


async def told(answer: bytes, pieces: int) -> str:
    """What becomes of a request that is answered so, in so many pieces, and closed."""

    async def handler(_head: str, writer: asyncio.StreamWriter) -> None:
        for at in range(pieces):
            writer.write(answer[at * len(answer) // pieces : (at + 1) * len(answer) // pieces])
            await writer.drain()
            await asyncio.sleep(0)

    got = Answer()
    async with serving(handler) as port, open_session() as session, asyncio.timeout(PATIENCE):
        action = HttpAction(url=f"http://127.0.0.1:{port}/", expect_body="short")
        try:
            await ask(session, action, {}, Secrets({}), got, may_be_sent=lambda: True)
        except NoAnswer as error:
            return str(error)
        assert len(got.body) <= MAX_BODY
        return await fault_of(action, got, got.text())


@given(st.one_of(answers(), answers(), st.binary(max_size=200)), st.integers(1, 4))
@times(8)
def test_any_answer_is_a_success_or_a_failure_in_words(answer: bytes, pieces: int) -> None:
    said = asyncio.run(told(answer, pieces))
    assert said.isprintable()
    assert "no more may be said" not in said
