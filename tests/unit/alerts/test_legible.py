"""Texts that may hold anything become fit to be sent, and lose nothing."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crony_ops.alerts.legible import legible, one_line, prepared, printed_time, shortened
from crony_ops.alerts.words import WORDS
from tests.alert_messages import a_message

ANY_TEXT = st.text(st.characters(exclude_categories=()))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain 中 😀\n\ttext", "plain 中 😀\n\ttext"),
        ("two\r\nlines", "two\nlines"),
        ("a\rb", "a␍b"),
        ("NUL \0 ESC \x1b DEL \x7f", "NUL ␀ ESC ␛ DEL ␡"),
        ("\ud800", "\\ud800"),
        ("\u202eabc\u2066", "\\u202eabc\\u2066"),
    ],
)
def test_legible(text: str, shown: str) -> None:
    assert legible(text) == shown


@given(ANY_TEXT)
def test_it_can_always_be_encoded_and_is_the_same_the_second_time(text: str) -> None:
    once = legible(text)
    once.encode()
    assert legible(once) == once


@given(ANY_TEXT)
def test_one_line_is_one(text: str) -> None:
    assert len(one_line(text).splitlines()) <= 1


def test_shortened_keeps_one_end_and_counts_the_rest() -> None:
    words = WORDS["en"]
    assert shortened("abcdef", 6, words) == "abcdef"
    assert shortened("abcdef", 2, words) == "ab… (4 characters left out) …"
    assert shortened("abcdef", 2, words, end=True) == "… (4 characters left out) …ef"
    assert shortened("abcdef", 0, words, end=True) == "… (6 characters left out) …"


@pytest.mark.parametrize(
    "link",
    ["javascript:alert(1)", "data:text/html,x", "https://a b", 'https://a"b', "//x", "ftp://x"],
)
def test_a_link_that_is_none_of_the_webs_stays_a_text(link: str) -> None:
    message = prepared(a_message(link=link, text="text"))
    assert message.link == ""
    assert message.text == f"text\n{link}"


def test_a_link_of_the_web_is_one() -> None:
    assert prepared(a_message(link="https://a/b?c=d&e=%20#f")).link == "https://a/b?c=d&e=%20#f"


@pytest.mark.parametrize(
    ("at", "shown"),
    [
        (1_795_000_000.5, "2026-11-18 19:06:40+08:00"),
        (-1.0, "1970-01-01 08:00:00+08:00"),
        (1e300, "1970-01-01 08:00:00+08:00"),
        (math.nan, "1970-01-01 08:00:00+08:00"),
    ],
)
def test_any_moment_is_one_that_can_be_printed(at: float, shown: str) -> None:
    message = prepared(a_message(at=at))
    assert printed_time(message.at, "Asia/Shanghai") == shown
    assert math.isfinite(message.at)
