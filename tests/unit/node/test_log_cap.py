"""How a log is cut: what stays, what the mark says, and what becomes of a second cut."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crony_ops.node.execution import log_cap
from crony_ops.node.execution.log_cap import compact, kept_pieces, left_out, mark, trim

LIMIT = 256 * 1024


def numbered(first: int, count: int) -> bytes:
    """Lines of 16 bytes."""
    return b"".join(b"%015d\n" % number for number in range(first, first + count))


def left_out_of(text: bytes) -> int:
    (said,) = re.findall(rb"\n\[crony: (?:at least )?([0-9]+) bytes are left out here\]\n", text)
    return int(said)


@given(size=st.integers(0, 2**40), limit=st.integers(65_536, 2**34))
def test_what_stays_has_the_limit_with_its_mark(size: int, limit: int) -> None:
    start, end = left_out(size, limit)
    assert start <= end <= size
    if size <= limit:
        assert start == end
    else:
        assert start == limit // 2
        said = mark(end - start, at_least=True)
        assert limit - 128 <= start + len(said) + size - end <= limit
        assert start + len(said) < end, "the newest part moves forward, never over itself"


def test_a_log_keeps_its_beginning_and_its_end(tmp_path: Path) -> None:
    log = tmp_path / "log"
    text = numbered(0, 100_000)
    log.write_bytes(text)
    assert compact(log, LIMIT)
    kept = log.read_bytes()
    count = left_out_of(kept)
    assert kept == text[: LIMIT // 2] + mark(count) + text[LIMIT // 2 + count :]
    assert not compact(log, LIMIT)


def test_a_second_cut_counts_the_first(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(numbered(0, 50_000))
    compact(log, LIMIT)
    with log.open("ab") as file:
        file.write(numbered(50_000, 50_000))
    compact(log, LIMIT)
    kept = log.read_bytes()
    count = left_out_of(kept)
    assert len(kept) - len(mark(count)) + count == 100_000 * 16
    assert kept.endswith(numbered(99_990, 10))


def test_a_log_that_grows_is_cut_on_the_disk_and_keeps_its_places(tmp_path: Path) -> None:
    log = tmp_path / "log"
    text = numbered(0, 200_000)
    log.write_bytes(text)
    assert trim(log, LIMIT)
    found = log.stat()
    assert found.st_size == len(text)
    assert found.st_blocks * 512 <= LIMIT + LIMIT // 4
    assert not trim(log, LIMIT)
    kept = log.read_bytes()
    assert kept[: LIMIT // 2] == text[: LIMIT // 2]
    assert kept[-LIMIT // 2 + 128 :] == text[-LIMIT // 2 + 128 :]
    with log.open("rb") as file:
        pieces = kept_pieces(file.fileno(), 0)
    assert sum(end - start for start, end in pieces) <= LIMIT + LIMIT // 4
    compact(log, LIMIT)
    assert b"\0" not in log.read_bytes()


def test_where_no_hole_can_be_punched_the_log_is_shortened_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_cap, "_punch", lambda *_: False)
    log = tmp_path / "log"
    log.write_bytes(numbered(0, 100_000))
    assert trim(log, LIMIT)
    assert log.stat().st_size <= LIMIT
    assert b"\n[crony: at least " in log.read_bytes()


def test_a_log_that_is_not_there_needs_no_cut(tmp_path: Path) -> None:
    assert not trim(tmp_path / "log", LIMIT)
    assert not compact(tmp_path / "log", LIMIT)


def test_a_full_disk_leaves_the_log_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"
    text = numbered(0, 100_000)
    log.write_bytes(text)
    monkeypatch.setattr(os, "pwrite", lambda *_: 0)
    with pytest.raises(OSError) as caught:  # noqa: PT011 - its number is asserted
        compact(log, LIMIT)
    assert caught.value.errno == errno.ENOSPC
    assert log.read_bytes() == text
