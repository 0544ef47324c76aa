"""Alerts by mail reach a real SMTP server over each kind of connection; what fails says why."""

from __future__ import annotations

import asyncio
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import trustme

from crony_ops.alerts.channels import open_channel
from crony_ops.alerts.legible import legible, one_line
from crony_ops.alerts.message import Channel, Undelivered
from crony_ops.alerts.settings import AlertSettings
from crony_ops.local.waiting import wait_until
from tests.alert_messages import HOSTILE, a_message, hostile_message
from tests.integration.alerts.servers import (
    PASSWORD,
    USER,
    Mailbox,
    server_tls,
    smtp_server,
    trusted,
)

# Of aiosmtpd, for a server that lets one log in without TLS.
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH:UserWarning")


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def mail(mailbox: Mailbox, **settings: Any) -> Channel:
    written = {
        "type": "mail",
        "host": "localhost",
        "port": mailbox.port,
        "tls": "none",
        "sender": "crony@example.com",
        "to": ["ops@example.com"],
        **settings,
    }
    alerts = AlertSettings.model_validate(
        {"channels": {"mail": written}, "timezone": "Asia/Shanghai"}
    )
    return open_channel("mail", alerts)


def login(folder: Path, password: str = PASSWORD) -> dict[str, Any]:
    (folder / "password").write_text(password + "\n")
    return {"user": USER, "password_file": folder / "password"}


@pytest.mark.parametrize("tls", ["starttls", "implicit", "none"])
@pytest.mark.parametrize("with_login", [True, False])
async def test_each_kind_of_connection_with_and_without_login(
    authority: trustme.CA, tmp_path: Path, tls: str, with_login: bool
) -> None:
    context = None if tls == "none" else server_tls(authority, "localhost")
    async with smtp_server(context, implicit=tls == "implicit", login=with_login) as mailbox:
        own = login(tmp_path) if with_login else {}
        channel = mail(mailbox, tls=tls, ca_file=trusted(authority, tmp_path), **own)
        assert await channel.send(a_message()) == "250 2.0.0 Ok: queued as 4F2A1"
    assert len(mailbox.letters) == 1
    assert mailbox.encrypted == [tls == "starttls"] or tls == "implicit"
    assert mailbox.logins == [USER] * with_login


async def test_a_letter_says_it_in_plain_text_and_in_html() -> None:
    async with smtp_server() as mailbox:
        await mail(mailbox).send(a_message(language="zh", to=("dba@example.com",)))
    (letter,) = mailbox.letters
    assert letter["Subject"] == "db-backup failed 3 times"
    assert letter["To"] == "ops@example.com, dba@example.com"
    assert mailbox.recipients == [["ops@example.com", "dba@example.com"]]
    plain, html = (letter.get_body((kind,)) for kind in ("plain", "html"))
    assert plain is not None
    assert html is not None
    for part in (plain.get_content(), html.get_content()):
        for shown in ("告警主机", "告警时间", "告警信息", "db-1", "pg_dump: connection refused"):
            assert shown in part
        assert "2026-11-18 19:06:40+08:00" in part
        assert "https://wiki.example.com/db-backup" in part
    assert "<" not in plain.get_content()


async def test_each_attempt_has_the_same_message_id() -> None:
    async with smtp_server() as mailbox:
        for key in ("one", "one", "two"):
            await mail(mailbox).send(a_message(key=key))
    first, second, third = (letter["Message-ID"] for letter in mailbox.letters)
    assert first == second != third


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:  # noqa: ARG002
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:20]))
async def test_hostile_texts_arrive_whole_and_do_nothing(text: str) -> None:
    async with smtp_server() as mailbox:
        await mail(mailbox).send(hostile_message(text))
    (letter,) = mailbox.letters
    assert mailbox.recipients == [["ops@example.com"]]
    assert letter["Bcc"] is None
    assert set(letter.keys()) == {
        "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version",
        "Content-Type",
    }  # fmt: skip
    assert letter["To"] == "ops@example.com"
    assert letter["Subject"].startswith(one_line(text)[:200].replace("=?", "= ?"))
    plain, html = letter.get_body(("plain",)), letter.get_body(("html",))
    assert plain is not None
    assert html is not None
    # The mail's own lines end in CR and LF.
    assert legible(text) in plain.get_content().replace("\r\n", "\n")
    seen = Tags()
    seen.feed(html.get_content().replace("\r\n", "\n"))
    assert legible(text) in seen.text
    assert "script" not in seen.tags
    assert "49" not in seen.text.replace(legible(text), "")


async def test_a_wrong_certificate_is_not_spoken_to(authority: trustme.CA, tmp_path: Path) -> None:
    for tls in ("starttls", "implicit"):
        for context, ca in (
            (server_tls(trustme.CA(), "localhost"), authority),
            (server_tls(authority, "elsewhere.test"), authority),
        ):
            async with smtp_server(context, implicit=tls == "implicit") as mailbox:
                channel = mail(mailbox, tls=tls, ca_file=trusted(ca, tmp_path))
                with pytest.raises(Undelivered, match="certificate is not trusted") as caught:
                    await channel.send(a_message())
            assert not caught.value.permanent
            assert mailbox.letters == []


async def test_no_tls_where_it_is_wanted_is_a_failure(tmp_path: Path) -> None:
    async with smtp_server(login=True) as mailbox:
        with pytest.raises(Undelivered, match="STARTTLS") as caught:
            await mail(mailbox, tls="starttls", **login(tmp_path)).send(a_message())
    assert not caught.value.permanent
    assert mailbox.logins == []


async def test_a_wrong_password_is_tried_again_and_not_told(tmp_path: Path) -> None:
    """Until somebody has put the new one into its file."""
    async with smtp_server(login=True) as mailbox:
        channel = mail(mailbox, **login(tmp_path, "wrong-one"))
        with pytest.raises(Undelivered, match="535") as caught:
            await channel.send(a_message())
        login(tmp_path)
        await channel.send(a_message())
    assert len(mailbox.letters) == 1
    assert not caught.value.permanent
    assert "wrong-one" not in repr(caught.value) + caught.value.reason


@pytest.mark.parametrize("answers", [[b"554 no service"], [b"220 hello", b"550 who", b"550 who"]])
async def test_a_server_that_wants_nobody_is_tried_again(answers: list[bytes]) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            writer.write(answer + b"\r\n")
            await writer.drain()
            await reader.readline()
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(Undelivered, match=answers[-1].decode()) as caught:
            await mail(Mailbox(port)).send(a_message())
    assert not caught.value.permanent


@pytest.mark.parametrize(
    ("answer", "permanent"),
    [("550 5.7.1 Spam", True), ("552 too large", True), ("451 4.3.0 later", False)],
)
async def test_the_servers_code_decides_whether_to_try_again(answer: str, permanent: bool) -> None:
    async with smtp_server() as mailbox:
        mailbox.answer = answer
        with pytest.raises(Undelivered) as caught:
            await mail(mailbox).send(a_message())
    assert caught.value.reason == answer
    assert caught.value.permanent is permanent


async def test_one_recipient_refused_keeps_it_from_no_other() -> None:
    async with smtp_server() as mailbox:
        mailbox.refused = {"gone@example.com": "550 no such user"}
        channel = mail(mailbox, to=["gone@example.com", "ops@example.com"])
        answer = await channel.send(a_message())
        assert answer.endswith("refused: gone@example.com (550 no such user)")
        assert mailbox.recipients == [["ops@example.com"]]
        for code, permanent in (("550", True), ("450", False)):
            mailbox.refused["ops@example.com"] = f"{code} not now"
            with pytest.raises(Undelivered, match="not now") as caught:
                await channel.send(a_message())
            assert caught.value.permanent is permanent


async def test_what_is_no_address_is_passed_over_and_said() -> None:
    async with smtp_server() as mailbox:
        answer = await mail(mailbox).send(a_message(to=("a@b\nBcc: c@d", "dba@example.com")))
    assert answer.endswith("no mail address: a@b Bcc: c@d")
    assert mailbox.recipients == [["ops@example.com", "dba@example.com"]]


async def test_nobody_to_send_it_to_is_permanent() -> None:
    with pytest.raises(Undelivered, match="nobody") as caught:
        await mail(Mailbox(1), to=[]).send(a_message(to=("no address",)))
    assert caught.value.permanent


async def test_a_server_that_hangs_costs_no_more_than_the_timeout() -> None:
    async with smtp_server() as mailbox:
        mailbox.held.clear()
        begun = time.monotonic()
        with pytest.raises(Undelivered, match="no answer of localhost within") as caught:
            await mail(mailbox, timeout=0.5).send(a_message())
        assert time.monotonic() - begun < 5
        assert not caught.value.permanent


async def test_one_that_drips_its_greeting_is_left_and_its_connection_closed() -> None:
    closed = asyncio.Event()

    async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                writer.write(b"2")
                await writer.drain()
                await asyncio.sleep(0.05)
        except OSError:
            closed.set()
        finally:
            writer.close()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(Undelivered, match="within"):
            await mail(Mailbox(port), timeout=0.5).send(a_message())
        await wait_until(closed.is_set, "the connection is closed")


async def test_a_server_that_is_down_and_one_that_there_is_not() -> None:
    async with smtp_server() as mailbox:
        pass
    with pytest.raises(Undelivered, match="Connection refused") as caught:
        await mail(mailbox).send(a_message())
    assert not caught.value.permanent


async def test_a_template_of_the_operators_own(tmp_path: Path) -> None:
    (tmp_path / "mail.html").write_text("<p>{{ subject }}</p>")
    async with smtp_server() as mailbox:
        channel = mail(mailbox, templates=tmp_path)
        await channel.send(a_message(subject="<b>"))
        (tmp_path / "mail.html").write_text("{{ nothing_of_the_kind }}")
        with pytest.raises(Undelivered, match=r"mail\.html.*nothing_of_the_kind") as caught:
            await channel.send(a_message())
    assert not caught.value.permanent
    html = mailbox.letters[0].get_body(("html",))
    assert html is not None
    assert html.get_content().strip() == "<p>&lt;b&gt;</p>"
