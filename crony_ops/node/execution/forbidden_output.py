"""Whether a run's output has what its job forbids: searched as far as the log has kept it."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from crony_ops.node.execution.log_cap import kept_pieces
from crony_ops.node.execution.pattern import NotSearched, found_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PIECE = 1024 * 1024
OVERLAP = 64 * 1024
"""Bytes. What matches is found if it is no longer than the overlap of two pieces."""

PATIENCE = 10.0
"""Seconds for all pieces together."""


async def forbidden(log: Path, offset: int, pattern: str) -> str:
    """Why the output since ``offset`` fails the run, in words; empty if it doesn't.

    ``^`` and ``$`` stand for the ends of a line. What can't be searched in time has failed, for
    nobody knows that it is a success.
    """
    try:
        async with asyncio.timeout(PATIENCE):
            return await _search(log, offset, f"(?m){pattern}")
    except TimeoutError:
        return f"forbid_output: `{pattern}` took more than {PATIENCE:g} s to search"
    except NotSearched as error:
        return f"forbid_output: {str(error).replace('(?m)', '', 1)}"
    except OSError as error:
        return f"forbid_output: the log can't be read: {error.strerror}"


async def _search(log: Path, offset: int, pattern: str) -> str:
    for piece in pieces(log, offset):
        if await found_in(piece, pattern):
            return f"its output has `{pattern[len('(?m)') :]}`, which forbid_output names"
    return ""


def pieces(log: Path, offset: int) -> Iterator[str]:
    """The output since ``offset`` as text, in pieces that overlap and end with a line where a line
    ends soon enough. Raises OSError."""
    try:
        descriptor = os.open(log, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if offset > os.fstat(descriptor).st_size:  # the run truncated it
            offset = 0
        for start, end in kept_pieces(descriptor, offset):
            yield from _pieces(descriptor, start, end)
    finally:
        os.close(descriptor)


def _pieces(descriptor: int, start: int, end: int) -> Iterator[str]:
    while start < end:
        piece = os.pread(descriptor, min(PIECE, end - start), start)
        if not piece:
            return
        upto = start + len(piece)
        if upto < end and (line := piece.rfind(b"\n", OVERLAP)) >= 0:
            piece, upto = piece[: line + 1], start + line + 1
        yield piece.decode("utf-8", "replace")
        if upto >= end:
            return
        # Some lines again, from the beginning of one.
        again = piece.find(b"\n", len(piece) - OVERLAP, len(piece) - 1)
        start = start + again + 1 if again >= 0 else upto - OVERLAP
