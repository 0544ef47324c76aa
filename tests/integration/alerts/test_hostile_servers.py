"""Whatever the server of a channel answers, an attempt ends in time, and with what can be noted."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crony_ops.alerts import mail, posting
from crony_ops.alerts.attempts import after_failure, after_success
from crony_ops.alerts.channels import open_channel
from crony_ops.alerts.message import Undelivered
from crony_ops.alerts.settings import AlertSettings
from crony_ops.model.alert import MAX_ANSWER, Delivery, DeliveryState
from tests.alert_messages import a_message
from tests.integration.node.servers import serving
from tests.integration.node.test_hostile_answers import answers

if TYPE_CHECKING:
    from crony_ops.alerts.message import Channel

TIMEOUT = 0.5
"""Seconds that a channel waits for a server."""
PATIENCE = 20.0
"""Seconds that an attempt may take in all, on a busy machine."""
WORDS = 200
"""Characters of our own beside what the server said."""


def webhook(port: int, timeout: float, kind: str = "webhook") -> Channel:
    hook = {"type": kind, "url": f"http://127.0.0.1:{port}/", "timeout": timeout}
    return open_channel("it", AlertSettings.model_validate({"channels": {"it": hook}}))


def letters(port: int, timeout: float, **more: Any) -> Channel:
    written = {
        "type": "mail",
        "host": "127.0.0.1",
        "port": port,
        "tls": "none",
        "sender": "crony@example.com",
        "to": ["ops@example.com", "dba@example.com"],
        "timeout": timeout,
        **more,
    }
    return open_channel("it", AlertSettings.model_validate({"channels": {"it": written}}))


async def attempted(channel: Channel, most: int) -> Delivery:
    """What is noted of one attempt: anything but Undelivered fails the test. ``most``: characters
    of the server's that are kept until then."""
    async with asyncio.timeout(PATIENCE):
        failed = None
        try:
            said = await channel.send(a_message())
        except Undelivered as failure:
            said, failed = failure.reason, failure
    assert len(said) <= most + WORDS
    if failed is None:
        return after_success(Delivery(), said, 1.0)
    return after_failure(
        Delivery(),
        said,
        permanent=failed.permanent,
        retry_after=failed.retry_after,
        made_at=0.0,
        now=1.0,
        spread=0.0,
    )


def is_told(noted: Delivery) -> None:
    assert noted.state is not DeliveryState.waiting
    assert noted.attempts == 1
    assert noted.answer.isprintable()
    assert 0 < len(noted.answer) <= MAX_ANSWER


# HTTP.


async def of_http(kind: str, answer: bytes, pieces: int, *, closes: bool) -> Delivery:
    async def handler(_head: str, writer: asyncio.StreamWriter) -> None:
        for at in range(pieces):
            writer.write(answer[at * len(answer) // pieces : (at + 1) * len(answer) // pieces])
            await writer.drain()
            await asyncio.sleep(0)
        if not closes:
            await asyncio.Event().wait()

    async with serving(handler) as port:
        return await attempted(webhook(port, TIMEOUT, kind), posting.MAX_ANSWER)


MOSTLY = st.sampled_from([True] * 9 + [False])
ANSWERS = st.one_of(answers(), answers(), st.binary(max_size=200))


@pytest.mark.fuzz
@given(st.sampled_from(["webhook", "feishu"]), ANSWERS, st.integers(1, 4), MOSTLY)
def test_any_http_answer_is_noted(kind: str, answer: bytes, pieces: int, closes: bool) -> None:
    is_told(asyncio.run(of_http(kind, answer, pieces, closes=closes)))


HTTP_FLOODS = {
    "headers": (b"HTTP/1.1 200 OK\r\n", b"X-More: more\r\n"),
    "one header": (b"HTTP/1.1 200 OK\r\nX: ", b"x"),
    "a status line": (b"HTTP/1.1 200 ", b"O"),
    "chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "a body": (b"HTTP/1.1 500 Sorry\r\n\r\n", b"x"),
}


@pytest.mark.parametrize("flood", HTTP_FLOODS)
async def test_http_without_end_is_cut_off_before_its_time_is_over(flood: str) -> None:
    async with serving(lambda _head, writer: floods(writer, *HTTP_FLOODS[flood])) as port:
        noted = await attempted(webhook(port, PATIENCE / 2), posting.MAX_ANSWER)
    is_told(noted)
    assert "no answer within" not in noted.answer


HTTP_DRONES = {
    "interim answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "zeros of a chunk's length": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0"),
}
"""Nothing of them is kept."""


@pytest.mark.parametrize("drone", HTTP_DRONES)
async def test_http_that_says_nothing_without_end_costs_no_more_than_the_timeout(
    drone: str,
) -> None:
    async with serving(lambda _head, writer: floods(writer, *HTTP_DRONES[drone])) as port:
        noted = await attempted(webhook(port, TIMEOUT), posting.MAX_ANSWER)
    is_told(noted)
    assert noted.state is DeliveryState.retrying


async def floods(writer: asyncio.StreamWriter, begins: bytes, goes_on: bytes) -> None:
    writer.write(begins)
    while True:
        writer.write(goes_on * (65_536 // len(goes_on)))
        await writer.drain()
        await asyncio.sleep(0)


# SMTP.

Answering = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]


@asynccontextmanager
async def speaking(answer: Answering) -> AsyncIterator[int]:
    """The port of a server that gets the connection as it is."""
    connections: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        ends = (OSError, asyncio.IncompleteReadError, asyncio.CancelledError)
        with contextlib.suppress(*ends):
            await answer(reader, writer)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


USUAL = [b"220 mail", b"250-mail\r\n250 AUTH PLAIN LOGIN", *[b"250 ok"] * 3, b"354 go on", b"250 k"]
REPLIES = st.one_of(
    st.sampled_from(
        [
            *(b"220 mail", b"250 ok", b"354 go on", b"334 VXNlcm5hbWU6", b"334 \xff", b"235 come"),
            *(
                b"421 later",
                b"451 later",
                b"535 no",
                b"550 " + b"never " * 1_000,
                b"552-a\r\n552 b",
            ),
            *(b"250-AUTH \xff\r\n250 SIZE x", b"250-SIZE 1\r\n250 AUTH", b"250 STARTTLS"),
            *(b"250-", b"250-a\r\n-250 b", b"2", b"", b"\0", b"99999 x", b"-1 x", b"2 50 x"),
            *(
                b"250",
                b"HTTP/1.1 200 OK",
                b"\x1b[2J\x07",
                b"250 \xe9\r",
                b"\xd9\xa2\xd9\xa5\xd9\xa0 x",
            ),
            *(b"250 " + b"x" * 9_000, b"x" * 9_000, b"250-x\r\n" * 500 + b"250 x"),
        ]
    ),
    st.binary(max_size=40),
)


@st.composite
def conversations(draw: st.DrawFn) -> list[bytes]:
    """As it usually goes, but for some of the replies."""
    replies = list(USUAL)
    for _ in range(draw(st.integers(1, 3))):
        replies[draw(st.integers(0, len(replies) - 1))] = draw(REPLIES)
    return replies[: draw(st.integers(0, len(replies)))] if draw(st.booleans()) else replies


async def say(
    replies: list[bytes], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """One to begin with, and one to each command or letter."""
    for reply in replies:
        writer.write(reply + b"\r\n")
        await writer.drain()
        await reader.readuntil(b"\r\n.\r\n" if reply.startswith(b"354") else b"\r\n")


async def of_smtp(replies: list[bytes], *, closes: bool, **more: Any) -> Delivery:
    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await say(replies, reader, writer)
        if not closes:
            await asyncio.Event().wait()

    async with speaking(converse) as port:
        return await attempted(letters(port, TIMEOUT, **more), 2 * mail.MAX_REPLY)


@pytest.mark.fuzz
@given(conversations(), MOSTLY, st.booleans())
def test_any_smtp_reply_is_noted(replies: list[bytes], closes: bool, logs_in: bool) -> None:
    more = {"user": "alerts", "password_file": __file__} if logs_in else {}
    is_told(asyncio.run(of_smtp(replies, closes=closes, **more)))


@pytest.mark.parametrize("step", range(len(USUAL)))
@pytest.mark.parametrize("flood", [b"250-\r\n", b"x"], ids=repr)
async def test_a_reply_without_end_is_cut_off_before_its_time_is_over(
    step: int, flood: bytes
) -> None:
    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await say(USUAL[:step], reader, writer)
        await floods(writer, b"", flood)

    async with speaking(converse) as port:
        noted = await attempted(letters(port, PATIENCE / 2), mail.MAX_REPLY)
    is_told(noted)
    assert noted.state is DeliveryState.retrying
    assert noted.answer == "an answer of the server has no end"


async def test_a_mail_that_was_taken_is_taken_whatever_follows() -> None:
    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await say(USUAL, reader, writer)
        await floods(writer, b"", b"221-bye\r\n")

    async with speaking(converse) as port:
        noted = await attempted(letters(port, PATIENCE / 2), mail.MAX_REPLY)
    assert (noted.state, noted.answer) == (DeliveryState.delivered, "250 k")
