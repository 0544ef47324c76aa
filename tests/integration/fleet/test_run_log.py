"""A run's log, read on the host that has it over a real sshd."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from crony_ops.fleet.route import find_route
from crony_ops.fleet.run_log import RunLog
from crony_ops.fleet.ssh import ProgramFailed

if TYPE_CHECKING:
    from tests.sshd import Sshd

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a log is root's to read")
INSIDE = "runs/backup/20261122T184500Z-s.log"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "state dir" / INSIDE
    path.parent.mkdir(parents=True)
    return path


@pytest.fixture
def log(sshd: Sshd, tmp_path: Path) -> RunLog:
    route = find_route("h1", sshd.variables("StrictHostKeyChecking=no"), {})
    return RunLog(route, str(tmp_path / "state dir"), INSIDE)


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_large_one_comes_whole_and_in_pieces(log: RunLog, file: Path) -> None:
    file.write_bytes(os.urandom(24 << 20))
    digest, largest = hashlib.sha256(), 0
    for piece in log.pieces():
        digest.update(piece)
        largest = max(largest, len(piece))
    assert digest.digest() == hashlib.sha256(file.read_bytes()).digest()
    assert largest <= 1 << 16


def test_one_that_is_gone_is_said_to_be(log: RunLog) -> None:
    with pytest.raises(ProgramFailed, match=r"is not there \(any more\)"):
        list(log.pieces())


def test_a_link_is_not_followed_out_of_the_folder(log: RunLog, file: Path) -> None:
    file.symlink_to("/etc/hostname")
    with pytest.raises(ProgramFailed, match="OSError"):
        list(log.pieces())


def test_it_is_followed_until_the_run_is_over(log: RunLog, file: Path) -> None:
    said, over = bytearray(), threading.Event()
    follower = threading.Thread(target=log.follow, args=(over, said.extend))
    follower.start()
    try:
        file.write_text("begun\n")  # it may not have been there at first
        until(lambda: said == b"begun\n")
        with file.open("a") as more:
            more.write("going on\n")
        until(lambda: said.endswith(b"on\n"))
        file.write_text("anew\n")  # by the run itself
        until(lambda: said.endswith(b"anew\n"))
        with file.open("a") as more:
            more.write("last\n")
    finally:
        over.set()
        follower.join(20)
    assert not follower.is_alive()
    assert said == b"begun\ngoing on\nanew\nlast\n"


def test_a_reader_that_goes_leaves_nothing_running_there(log: RunLog, file: Path) -> None:
    file.write_bytes(os.urandom(8 << 20))
    pieces = log.pieces()
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]

    def readers() -> list[str]:
        found = []
        for process in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = process.read_bytes().decode(errors="replace")
            except OSError:
                continue
            if INSIDE in words:
                found.append(words)
        return found

    until(lambda: not readers())
