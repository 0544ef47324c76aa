"""Of a lost run nothing goes on, wherever it went; what belongs to others is left alone."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from crony_ops.model.run import RunRecord, RunState
from crony_ops.node.execution.proc_table import MARK, read_table
from crony_ops.node.runs.orphans import end_orphans
from tests.faults.scene import scene

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


def is_the_shell(pid: int) -> bool:
    return os.getsid(pid) == pid and b"bash" in Path(f"/proc/{pid}/cmdline").read_bytes()


async def test_a_run_whose_shell_died_with_its_agent_is_lost_and_leaves_nothing(
    tmp_path: Path,
) -> None:
    # Its next life is to tell of it, however long that takes to begin, and not the leader.
    async with scene(tmp_path, nodes=1, overrides={"node": {"ttl": 60}}) as it:
        brood = "setsid sleep 300 &\nsleep 300 &\nwait\n"
        await it.sync({"job": {"schedule": "*/5 * * * * *", "shell": brood}})

        def living() -> list[int]:
            runs = it.cluster.folder.state("node-1") / "runs" / "job"
            marked = read_table().marked
            return [pid for log in runs.glob("*.log") for pid in marked.get(str(log).encode(), ())]

        await it.until(lambda: len(living()) >= 3, "it runs, with its children")
        agent = it.cluster.node("node-1")
        agent.kill()
        for pid in living():
            if is_the_shell(pid):
                os.kill(pid, signal.SIGKILL)
        left = set(living())
        assert left
        agent.start()

        def told() -> bool:
            states = [r.state for r in it.evidence.records if isinstance(r, RunRecord)]
            return RunState.lost in states

        await it.until(told, "it is lost")
        assert not left & set(living())
