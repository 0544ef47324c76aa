"""An order that is hard to take back: asked before, or told to go ahead."""

from __future__ import annotations

import os
import pty
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import typer

from crony_ops.cli.terminal.confirm import Unconfirmed, confirmed

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def keyboard(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A real terminal as stdin; what is written to the descriptor is what somebody types."""
    ours, theirs = pty.openpty()
    with os.fdopen(theirs) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield ours
    os.close(ours)


@pytest.mark.usefixtures("keyboard")
def test_yes_on_the_command_line_asks_nobody() -> None:
    confirmed("Really?", yes=True)


def test_where_there_is_no_terminal_the_order_is_refused_as_usage(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Path(os.devnull).open() as nobody:
        monkeypatch.setattr(sys, "stdin", nobody)
        with pytest.raises(Unconfirmed, match=r"Really\? .*--yes") as refused:
            confirmed("Really?", yes=False)
    assert refused.value.exit_status == 2


def test_a_yes_at_the_terminal_goes_on(keyboard: int, capsys: pytest.CaptureFixture[str]) -> None:
    os.write(keyboard, b"y\n")
    confirmed("Really?", yes=False)
    said = capsys.readouterr()
    assert not said.out
    assert "Really?" in said.err


@pytest.mark.parametrize("typed", [b"n\n", b"\n", b"\x04"])
def test_anything_else_gives_up(keyboard: int, typed: bytes) -> None:
    os.write(keyboard, typed)
    with pytest.raises(typer.Abort):
        confirmed("Really?", yes=False)
