"""How a log is held to its limit: its first half stays, the newest part stays, a mark between them
says how much was left out.

The process of a run writes straight into its log, so that it outlives its agent. While it may still
write, a hole is punched into the middle: the disk holds no more of it, and every byte stays where
it was, whoever writes there and wherever an attempt began. Only when the run is over are both parts
moved together, in the same file: what a run leaves behind may go on writing to it.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
from pathlib import Path

_BLOCK = 4096
_PIECE = 1024 * 1024
_MARK_SPACE = 128
_MARK = re.compile(rb"\n\[crony: (?:at least )?([0-9]+) bytes are left out here\]\n")

_KEEP_SIZE = 0x01
_PUNCH_HOLE = 0x02

_libc = ctypes.CDLL(None, use_errno=True)
_libc.fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)


def left_out(size: int, limit: int) -> tuple[int, int]:
    """From where to where a log of this size is left out: with the mark it then has the limit.

    Empty (both the same) for one that needs no cut.
    """
    if size <= limit:
        return size, size
    head = limit // 2
    return head, size - (limit - head - _MARK_SPACE)


def mark(count: int, *, at_least: bool = False) -> bytes:
    """What stands in place of so many bytes, at the end of the first half."""
    return b"\n[crony: %s%d bytes are left out here]\n" % (b"at least " if at_least else b"", count)


def trim(log: Path, limit: int) -> bool:
    """Of a log that is still written to: frees what it holds beyond a quarter above the limit.

    Returns whether there was anything to free. Raises OSError, but for a log that is not there.
    """
    try:
        found = log.stat()
    except FileNotFoundError:
        return False
    if found.st_blocks * 512 <= limit + limit // 4:
        return False
    start, end = left_out(found.st_size, limit)
    start, end = -(-start // _BLOCK) * _BLOCK, end // _BLOCK * _BLOCK
    if end <= start:
        return False
    descriptor = os.open(log, os.O_RDWR | os.O_CLOEXEC)
    try:
        if _punch(descriptor, start, end - start):
            return True
    finally:
        os.close(descriptor)
    # A file system without holes: what is written meanwhile may get lost, too.
    return compact(log, limit, at_least=True)


def _punch(descriptor: int, start: int, length: int) -> bool:
    """False where the file system can't. Raises OSError."""
    if _libc.fallocate(descriptor, _PUNCH_HOLE | _KEEP_SIZE, start, length) == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.EOPNOTSUPP, errno.ENOSYS):
        return False
    raise OSError(number, os.strerror(number))


def compact(log: Path, limit: int, *, at_least: bool = False) -> bool:
    """Of a log that is written to no more: first half, mark, newest part. Whether it was longer.

    Killed in between it leaves the newest part twice at most. Raises OSError, but for a log that
    is not there; what stands there can then be read as before.
    """
    try:
        descriptor = os.open(log, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        size = os.fstat(descriptor).st_size
        start, end = left_out(size, limit)
        if end == start:
            return False
        # One that was cut before has a mark there, which goes with the rest.
        before = _MARK.match(os.pread(descriptor, _MARK_SPACE, start))
        count = end - start
        if before is not None:
            count += int(before[1]) - len(before[0])
            at_least = at_least or b"at least" in before[0]
        said = mark(count, at_least=at_least)
        to = start + len(said)
        while piece := os.pread(descriptor, _PIECE, end):
            _write(descriptor, piece, to)
            end, to = end + len(piece), to + len(piece)
        _write(descriptor, said, start)
        os.ftruncate(descriptor, to)
    finally:
        os.close(descriptor)
    return True


def _write(descriptor: int, piece: bytes, at: int) -> None:
    if os.pwrite(descriptor, piece, at) < len(piece):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def kept_pieces(descriptor: int, start: int) -> list[tuple[int, int]]:
    """Where the file has data from ``start`` on: from, to. Holes are passed over, not read."""
    found: list[tuple[int, int]] = []
    while True:
        try:
            start = os.lseek(descriptor, start, os.SEEK_DATA)
            end = os.lseek(descriptor, start, os.SEEK_HOLE)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return found
            raise
        found.append((start, end))
        start = end
