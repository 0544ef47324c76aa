"""Of a lost run nothing goes on, wherever it went; what belongs to others is left alone."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from crony_ops.node.orphans import end_orphans
from crony_ops.node.proc_table import MARK

Children = list[subprocess.Popen[bytes]]


@pytest.fixture
def children() -> Iterator[Children]:
    started: Children = []
    yield started
    for child in started:
        child.kill()
        child.wait()


def run_of(log: Path, children: Children, command: str = "exec sleep 60") -> None:
    children.append(
        subprocess.Popen(["/bin/sh", "-c", command], env={MARK: str(log)}, stdout=subprocess.PIPE)
    )


async def test_all_of_it_is_killed_and_nothing_else(tmp_path: Path, children: Children) -> None:
    lost, other = tmp_path / "lost.log", tmp_path / "other.log"
    run_of(lost, children)
    # One that left its session, with a child of its own; its parent is gone.
    run_of(lost, children, "setsid sh -c 'sleep 60 & echo; wait' &")
    out = children[-1].stdout
    assert out is not None
    assert out.readline() == b"\n"
    run_of(other, children)
    await end_orphans({lost})
    assert out.read() == b"", "nobody holds the pipe any more"
    assert children[0].wait(5) != 0
    assert children[2].poll() is None


async def test_where_nothing_is_lost_nobody_is_looked_for() -> None:
    await end_orphans(set())
