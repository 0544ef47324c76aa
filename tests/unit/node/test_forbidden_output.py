"""Searching a run's output piece by piece."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from crony_ops.node.execution import pattern
from crony_ops.node.execution.forbidden_output import OVERLAP, PIECE, forbidden, pieces

LINE = b"all is well here\n"


def written(tmp_path: Path, text: bytes) -> Path:
    log = tmp_path / "log"
    log.write_bytes(text)
    return log


@pytest.mark.parametrize(
    ("output", "pattern", "found"),
    [
        (b"one\nERROR: two\n", "ERROR", True),
        (b"one\nERROR: two\n", "^ERROR", True),
        (b"one\nan ERROR: two\n", "^ERROR", False),
        (b"one ERROR\nmore\n", "ERROR$", True),
        (b"one\n", "(?i)ONE", True),
        (b"", "x", False),
        (b"\xff\0bad", "bad", True),
    ],
)
async def test_what_is_forbidden(tmp_path: Path, output: bytes, pattern: str, found: bool) -> None:
    said = await forbidden(written(tmp_path, output), 0, pattern)
    assert said == (f"its output has `{pattern}`, which forbid_output names" if found else "")


async def test_an_earlier_attempts_output_is_not_searched(tmp_path: Path) -> None:
    log = written(tmp_path, b"ERROR\nfine\n")
    assert await forbidden(log, 6, "ERROR") == ""
    assert await forbidden(log, 600, "ERROR") != "", "its run truncated it: all of it counts"


async def test_no_log_has_nothing_forbidden(tmp_path: Path) -> None:
    assert await forbidden(tmp_path / "none", 0, "x") == ""


@pytest.mark.parametrize("unit", [LINE, b"no end of line "])
@pytest.mark.parametrize("off", [-20, -4, 0, 4])
async def test_what_two_pieces_share_is_found(tmp_path: Path, unit: bytes, off: int) -> None:
    text = unit * (3 * PIECE // len(unit))
    log = written(tmp_path, text[: PIECE + off] + b"ERROR 42" + text[PIECE + off :])
    assert await forbidden(log, 0, "ERROR 4[0-9]")
    assert not await forbidden(log, 0, "ERROR 5[0-9]")


def test_pieces_are_bounded_and_cover_everything(tmp_path: Path) -> None:
    text = b"".join(b"%d\n" % number for number in range(250_000))
    found = list(pieces(written(tmp_path, text), 0))
    assert all(len(piece) <= PIECE for piece in found)
    assert len(found) < 1.2 * len(text) / (PIECE - OVERLAP)
    assert {line for piece in found for line in piece.splitlines()} == set(
        text.decode().splitlines()
    )


async def test_a_pattern_that_runs_wild_ends_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pattern, "PATIENCE", 0.2)
    log = written(tmp_path, b"a" * 5_000 + b"!")
    began = time.monotonic()
    said = await forbidden(log, 0, r"^(a|aa)+$")
    assert time.monotonic() - began < 30
    assert said.startswith("forbid_output: `^(a|aa)+$` took more than")
