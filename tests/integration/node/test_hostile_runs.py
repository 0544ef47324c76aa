"""Runs that do their worst: each ends, is told of truthfully, and costs the agent very little."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crony_ops.model.run import RunRecord, RunState
from crony_ops.node.execution.cgroup import own_place, sweep
from tests.faults.scene import Scene, scene
from tests.integration.node.run_in_child import LIMIT, Child, Ending, Told

GROWTH = 20 * 1024
"""KiB that the agent may grow by."""

ROOT = os.geteuid() == 0


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Child]:
    yield Child(tmp_path / "runs")
    sweep(tmp_path / "runs", ())


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    with a_small_disk(folder):
        yield folder


@contextlib.contextmanager
def a_small_disk(folder: Path) -> Iterator[None]:
    """Of 2 MiB, in this folder."""
    mounting = ["mount", "-t", "tmpfs", "-o", "size=2m", "crony-test", str(folder)]
    if not ROOT or subprocess.run(mounting, capture_output=True, check=False).returncode:
        pytest.skip("only a user who may mount a tmpfs can fill one")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def silent_mount(tmp_path: Path) -> tuple[str, ...]:
    """The command that makes one for another command; it ends with its folder."""
    folder = tmp_path / "silent"
    folder.mkdir()
    private = ("unshare", "--mount", "--propagation", "private")
    mounting = (*private, sys.executable, "-m", "tests.integration.node.silent_mount", str(folder))
    if subprocess.run([*mounting, "/bin/true"], capture_output=True, check=False).returncode:
        pytest.skip("only a user who may mount a FUSE file system can have one that hangs")
    return mounting


def fill(path: Path) -> None:
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as filler:
        while filler.write(b"x" * 4096):
            pass


def yes(count: int) -> str:
    return f"(yes yes || true) | head -c {count}"


def only(told: Told) -> Ending:
    assert told.grown < GROWTH
    (ending,) = told.endings
    return ending


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def kept(log: Path, wrote: int) -> bytes:
    """The log, which must be its first half, a mark that is right, and its newest part."""
    text = log.read_bytes()
    found = re.search(rb"\n\[crony: ([0-9]+) bytes are left out here\]\n", text)
    assert found is not None
    assert found.start() == LIMIT // 2
    assert len(text) - len(found[0]) + int(found[1]) == wrote
    assert LIMIT - 256 < len(text) <= LIMIT
    return text


async def test_a_hundred_megabytes_of_output(child: Child) -> None:
    ending = only(await child.perform(f"echo begin; {yes(100_000_000)}; echo end"))
    assert ending.state is RunState.succeeded
    assert ending.attempts[0].output.endswith("yes\nend\n")
    text = kept(child.log(), 100_000_010)
    assert text.startswith(b"begin\nyes\n")
    assert text.endswith(b"yes\nend\n")
    assert b"\0" not in text


async def test_fifty_megabytes_in_one_line(child: Child) -> None:
    ending = only(await child.perform("head -c 50000000 /dev/zero | tr '\\0' x; exit 3"))
    assert (ending.state, ending.attempts[0].exit_code) == (RunState.failed, 3)
    assert len(ending.reason) < 300
    assert ending.attempts[0].output == 4096 * "x"
    kept(child.log(), 50_000_000)


async def test_a_log_is_held_to_its_size_while_the_run_goes_on(child: Child) -> None:
    blocks = 3 * LIMIT // 2 // 512
    command = f"until [ $(stat -c %b $CRONY_LOG) -lt {blocks} ]; do sleep 0.05; done"
    ending = only(await child.perform(f"{yes(60_000_000)}; {command}", timeout=60))
    assert ending.state is RunState.succeeded
    kept(child.log(), 60_000_000)


async def test_each_attempt_of_a_long_run_keeps_its_own_output(child: Child) -> None:
    command = f"echo first; {yes(20_000_000)}; echo last $CRONY_ATTEMPT; exit 1"
    ending = only(await child.perform(command, retries={"count": 1, "delay": 0}))
    one, two = ending.attempts
    assert one.output.endswith("yes\nlast 1\n")
    assert two.output.endswith("yes\nlast 2\n")
    assert ending.reason == "exit 1: last 2"
    kept(child.log(), 2 * 20_000_013)


async def test_a_run_that_truncates_its_own_log(child: Child) -> None:
    command = f"{yes(5_000_000)}; : >/dev/stderr; echo anew"
    ending = only(await child.perform(command))
    assert ending.state is RunState.succeeded
    assert ending.attempts[0].output == "anew\n"
    assert child.log().read_text() == "anew\n"


async def test_a_run_that_ignores_term(child: Child) -> None:
    told = await child.perform("trap '' TERM; while :; do sleep 0.05; done", timeout=1)
    ending = only(told)
    assert (ending.state, ending.reason) == (RunState.timed_out, "timed out after 1s")
    assert 1.3 <= told.seconds < 5


DAEMON = "(setsid sh -c 'echo $$ >{0}/pid; exec {1} sleep 300' &); until [ -s {0}/pid ]; do :; done"


@pytest.mark.parametrize("by", ["", "env -i"])
async def test_a_daemon_that_holds_the_output_does_not_hold_a_success(
    child: Child, tmp_path: Path, by: str
) -> None:
    told = await child.perform(DAEMON.format(tmp_path, by) + "; echo done")
    ending = only(told)
    daemon = int((tmp_path / "pid").read_text())
    try:
        assert (ending.state, ending.attempts[0].output) == (RunState.succeeded, "done\n")
        assert told.seconds < 5
        assert lives(daemon), "as cron does: what a success leaves behind is left alone"
    finally:
        os.kill(daemon, signal.SIGKILL)


@pytest.mark.parametrize(("end", "state"), [("sleep 60", "timed_out"), ("exit 1", "failed")])
@pytest.mark.parametrize("by", ["", "env -i"])
async def test_a_daemon_that_left_the_session_ends_with_a_run_that_fails(
    child: Child, tmp_path: Path, end: str, state: str, by: str
) -> None:
    if by and own_place() is None:
        pytest.skip("without a control group nothing tells whose this process is")
    ending = only(await child.perform(f"{DAEMON.format(tmp_path, by)}; {end}", timeout=2))
    assert ending.state == state
    assert not lives(int((tmp_path / "pid").read_text()))


async def test_output_that_is_no_text(child: Child) -> None:
    ending = only(await child.perform(r"printf 'a\0b\377\376\303(\n'; exit 1"))
    assert ending.attempts[0].output == "a\0b\ufffd\ufffd\ufffd(\n"
    assert child.log().read_bytes() == b"a\0b\xff\xfe\xc3(\n"


@pytest.mark.parametrize("interpreter", ["/bin/bash -euo pipefail -c", "/bin/sh -c"])
async def test_a_run_that_ends_by_a_signal(child: Child, interpreter: str) -> None:
    ending = only(await child.perform("ulimit -c 0; kill -SEGV $$", interpreter=interpreter))
    assert ending.state is RunState.failed
    assert (ending.attempts[0].signal, ending.attempts[0].exit_code) == (signal.SIGSEGV, None)
    assert ending.reason.startswith("ended by SIGSEGV")


@pytest.mark.parametrize(
    ("shell", "fields", "reason"),
    [
        (
            "true",
            {"workdir": "/no/such/place"},
            r"exit 126, .*: the workdir /no/such/place can't be entered: No such file or directory",
        ),
        (
            "true",
            {"workdir": "/etc/passwd"},
            r"exit 126, .*: the workdir /etc/passwd can't be entered: Not a directory",
        ),
        ("true", {"user": "no-such-user"}, r"there is no user no-such-user on this node"),
        ("no-such-command", {}, r"exit 127, not found: .*no-such-command: command not found"),
        ("/etc/passwd", {}, r"exit 126, could not be executed: .*Permission denied"),
        (
            "true",
            {"interpreter": "/no/such -c"},
            r"exit 127, not found: .*/no/such: No such file.*",
        ),
    ],
)
async def test_what_cannot_run_says_why(
    child: Child, shell: str, fields: dict[str, Any], reason: str
) -> None:
    ending = only(await child.perform(shell, **fields))
    assert ending.state is RunState.failed
    assert re.fullmatch(reason, ending.reason), ending.reason


@pytest.mark.skipif(not ROOT, reason="only root changes users")
async def test_a_workdir_that_the_jobs_user_may_not_enter(child: Child, tmp_path: Path) -> None:
    os.chmod(tmp_path, 0o700)  # noqa: PTH101 - pathlib's is taken for slow
    ending = only(await child.perform("pwd", user="daemon", workdir=str(tmp_path)))
    assert ending.state is RunState.failed
    assert ending.reason.endswith(
        f"the workdir {tmp_path} can't be entered by daemon: Permission denied"
    )


async def test_a_workdir_that_does_not_answer_hangs_its_run_alone(
    tmp_path: Path, silent_mount: tuple[str, ...]
) -> None:
    child = Child(tmp_path / "runs", behind=silent_mount)
    async with asyncio.timeout(30):
        ending = only(await child.perform("true", workdir=silent_mount[-1], timeout=1))
    assert (ending.state, ending.reason) == (RunState.timed_out, "timed out after 1s")


async def test_a_run_that_fills_its_disk(child: Child, small_disk: Path) -> None:
    ending = only(await child.perform(f"head -c 5000000 /dev/zero >{small_disk}/file"))
    assert (ending.state, ending.attempts[0].exit_code) == (RunState.failed, 1)
    assert ending.reason.endswith("No space left on device")


async def test_a_run_whose_log_fills_its_disk(small_disk: Path) -> None:
    child = Child(small_disk / "runs", limit=16 * LIMIT)
    ending = only(await child.perform("head -c 5000000 /dev/zero | tr '\\0' x; exit 0"))
    assert ending.state is RunState.failed
    assert ending.attempts[0].output == 4096 * "x"


async def test_a_full_disk_under_the_logs(small_disk: Path) -> None:
    (small_disk / "runs" / "j").mkdir(parents=True)
    fill(small_disk / "filler")
    ending = only(await Child(small_disk / "runs").perform("true"))
    assert ending.state is RunState.failed
    assert ending.reason.startswith("can't be started: No space left on device")


async def test_a_run_that_closes_its_output(child: Child) -> None:
    ending = only(await child.perform("exec >&- 2>&-; sleep 0.1; exit 5"))
    assert (ending.state, ending.reason) == (RunState.failed, "exit 5")


@pytest.mark.parametrize("groups", [True, False])
async def test_two_hundred_runs_with_three_children_each_leave_nothing(
    tmp_path: Path, groups: bool
) -> None:
    """One child in the session, one in a group of its own, one that left the session."""
    if groups and own_place() is None:
        pytest.skip("no control groups can be made here")
    child = Child(tmp_path / "runs", groups=groups)
    nap = f"sleep {600 + uuid.uuid4().int % 10**6 / 10**6}"
    command = f"{nap} & timeout 900 {nap} & (setsid {nap} &); wait"
    told = await child.perform(command, 200, timeout=15)
    assert {ending.state for ending in told.endings} == {RunState.timed_out}
    assert told.grown < GROWTH
    assert not running(nap)
    assert told.seconds < 40


def running(command: str) -> list[int]:
    """Whoever has it in its command line."""
    wanted = command.replace(" ", "\0").encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if wanted in path.read_bytes():
                found.append(int(path.parent.name))
    return found


YEARLY = "0 0 1 1 *"


async def run_now(it: Scene, job_id: str) -> RunRecord:
    before = {record.run_id for record in records(it, job_id)}
    await it.cluster.store.put(it.cluster.keys.once(job_id), b"")

    def ended() -> bool:
        return any(record.run_id not in before for record in records(it, job_id))

    await it.until(ended, f"{job_id} has ended")
    (record,) = [record for record in records(it, job_id) if record.run_id not in before]
    return record


def records(it: Scene, job_id: str) -> list[RunRecord]:
    return [
        record
        for record in it.evidence.records
        if isinstance(record, RunRecord) and record.job_id == job_id
    ]


def forget_peak(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def memory(pid: int, name: str) -> int:
    found = re.search(rf"{name}:\s+([0-9]+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1])


async def test_an_agent_bears_a_hundred_megabytes_and_a_full_disk(tmp_path: Path) -> None:
    jobs = {
        "loud": {"schedule": YEARLY, "shell": f"{yes(100_000_000)}; printf '\\0\\377'; exit 4"},
        "plain": {"schedule": YEARLY, "shell": "true"},
    }
    async with scene(tmp_path, nodes=1) as it:
        await it.sync(jobs)
        await it.all_assigned(jobs)
        assert (await run_now(it, "plain")).succeeded
        runs = it.cluster.folder.state("node-1") / "runs"
        agent = it.cluster.node("node-1").pid
        forget_peak(agent)
        before = memory(agent, "VmRSS")

        loud = await run_now(it, "loud")
        assert (loud.state, loud.attempts[0].exit_code) == (RunState.failed, 4)
        assert loud.attempts[0].output.endswith("yes\n\0\ufffd")
        (log,) = (runs / "loud").glob("*.log")
        await it.until(lambda: log.stat().st_size <= 10 * 2**20, "its log is cut")
        assert memory(agent, "VmHWM") - before < GROWTH

        with a_small_disk(runs):
            (runs / "plain").mkdir()
            fill(runs / "filler")
            refused = await run_now(it, "plain")
            assert refused.state is RunState.failed
            assert refused.reason.startswith("can't be started: No space left on device")
            (runs / "filler").unlink()
            assert (await run_now(it, "plain")).succeeded
        assert it.cluster.node("node-1").pid == agent
