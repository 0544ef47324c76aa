"""A mail has its headers whole, whatever is in the message."""

from __future__ import annotations

import email
import email.policy
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crony_ops.alerts.legible import legible, prepared
from crony_ops.alerts.letter import letter_of, subject_of, texts_of
from crony_ops.alerts.settings import MailSettings, is_address
from crony_ops.alerts.templates import text_templates
from tests.alert_messages import a_message, hostile_message

ANY_TEXT = st.text(st.characters(exclude_categories=()))
NOW = datetime(2026, 11, 23, tzinfo=UTC)
SETTINGS = MailSettings(type="mail", host="mail.test", sender="crony@example.com")
TO = ("ops@example.com",)


PIECES = st.sampled_from(
    ["=", "?", "=?", "?=", "utf-8", "?q?", "?b?", "=0d=0a", "DQpCY2M6IGE=", "x" * 70, " ", "_", "ö"]
)


@given(ANY_TEXT | st.lists(PIECES).map("".join))
@example("node =?utf-8?q?w=0d=0aReply-To=3a_evil=40y=0d=0a=0d=0aGo_to_http=3a//evil?= is lost")
@example("=?utf-8?b?dw0KUmVwbHktVG86IGV2aWxAeQ0KDQpHbw==?=")
@example("x" * 199 + "=?utf-8?q?w=0d=0aReply-To=3a_evil=40y?=")
def test_any_text_is_whole_in_subject_and_body(text: str) -> None:
    message = prepared(hostile_message(text))
    texts = texts_of(message, "UTC", text_templates(None))
    sent = letter_of(message, SETTINGS, TO, texts, NOW).as_bytes()
    read = email.message_from_bytes(sent, policy=email.policy.default)
    assert read.keys().count("To") == 1
    assert read["To"] == "ops@example.com"
    assert set(read.keys()) == {
        "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version",
        "Content-Type",
    }  # fmt: skip
    # Where a line is folded there may be a space more.
    assert read["Subject"].split() == subject_of(message).split()
    assert sent.isascii()
    plain = read.get_body(("plain",))
    assert plain is not None
    assert legible(text) in plain.get_content().replace("\r\n", "\n")


def test_a_long_subject_is_shortened_in_the_header_alone() -> None:
    message = a_message(subject="s" * 300)
    assert subject_of(message).startswith("s" * 200 + "… (100 characters")
    for text in texts_of(message, "UTC", text_templates(None)):
        assert "s" * 300 in text


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("ops@example.com", True),
        ("first.last+tag@mail", True),
        ("a@b, c@d", False),
        ("a@b\nBcc: c@d", False),
        ("a@b\n", False),
        ("Ops <a@b>", False),
        ("a..b@c", False),
        ("@c", False),
        ("a@", False),
        ("a@b..c", False),
        ("ö@example.com", False),
        ("=?utf-8?q?a=0d=0aBcc=3a_b=40c?=@example.com", False),
        ("a@" + "b" * 300, False),
    ],
)
def test_what_is_a_mail_address(text: str, fits: bool) -> None:
    assert is_address(text) is fits
