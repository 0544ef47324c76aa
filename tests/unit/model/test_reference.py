"""References to secrets: which there are, and that no other `${` passes as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crony_ops.model.reference import (
    Reference,
    has_references,
    literally,
    parse_references,
)

FILE = Reference("file", "/run/secrets/token")
ENV = Reference("env", "TOKEN_2")


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("", []),
        ("plain $HOME {x} $", ["plain $HOME {x} $"]),
        ("${file:/run/secrets/token}", [FILE]),
        ("Bearer ${env:TOKEN_2}!", ["Bearer ", ENV, "!"]),
        ("${env:TOKEN_2}${env:TOKEN_2}", [ENV, ENV]),
        ("$${env:TOKEN_2}", ["${", "env:TOKEN_2}"]),
        ("$$${env:TOKEN_2}", ["$", "${", "env:TOKEN_2}"]),
        ("${file:/a b:c$}", [Reference("file", "/a b:c$")]),
    ],
)
def test_a_text_falls_into_pieces(text: str, pieces: list[str | Reference]) -> None:
    assert parse_references(text) == pieces
    assert has_references(text) == any(isinstance(piece, Reference) for piece in pieces)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("${fil:/a}", "`${fil:/a}` is no reference"),
        ("${HOME}", "`${HOME}` is no reference"),
        ("${}", "is no reference"),
        ("${file}", "is no reference"),
        ("${file:etc/token}", "no absolute path"),
        ("${file:}", "no absolute path"),
        ("${file:/a\0b}", "no absolute path"),
        ("${env:}", "names no variable"),
        ("${env:1A}", "names no variable"),
        ("${env:A B}", "names no variable"),
        ("x ${env:A", "never closed"),
    ],
)
def test_what_is_no_reference_is_refused(text: str, says: str) -> None:
    with pytest.raises(ValueError, match="`") as refused:
        parse_references(text)
    assert says in str(refused.value)
    assert not has_references(text)


@given(st.text())
def test_any_text_can_be_written(text: str) -> None:
    pieces = parse_references(literally(text))
    assert "".join(map(str, pieces)) == text
