"""A process of a run: how it is started, awaited and ended, with all that stands in its session.

Waiting goes through a pidfd in the event loop's own selector. It is the same for a child and for a
process that an earlier life of the agent had started, and the same on every Python.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PREAMBLE = Path(__file__).with_name("preamble.bash")
"""What each bash reads first, by this path: so it must be a file, and part of the wheel."""

_FIRST_LOOK = 0.02


@functools.cache
def boot_id() -> str:
    """Changes with each boot of the machine: a pid means nothing beyond it."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def running_with(pid: int, variables: Mapping[str, str]) -> bool:
    """Whether the process lives and was started with these environment variables: so a pid that
    was noted down can be told from another process that has it by now."""
    try:
        found = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False
    return all(f"{name}={value}".encode() in found for name, value in variables.items())


def session_leader_with(variables: Mapping[str, str]) -> int | None:
    """The pid of the first process of a session that was started with these variables."""
    for name in os.listdir("/proc"):  # noqa: PTH208 - iterdir() builds 1,000 paths to throw away
        if name.isdigit() and running_with(int(name), variables):
            fields = _stat(int(name))
            if fields is not None and fields[3] == name:
                return int(name)
    return None


def _stat(pid: int) -> list[str] | None:
    """The fields of `/proc/<pid>/stat` from the state on (proc(5) calls that one field 3)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def _session(sid: int) -> list[int]:
    """The processes of a session that still run, also those that left the leader's group
    (as coreutils' `timeout` does)."""
    found = []
    for name in os.listdir("/proc"):  # noqa: PTH208 - iterdir() builds 1,000 paths to throw away
        if name.isdigit() and (fields := _stat(int(name))) is not None:
            state, session = fields[0], int(fields[3])
            if session == sid and state not in "ZX":
                found.append(int(name))
    return found


class Process:
    """A process that leads a session of its own.

    ``ended`` is done as soon as the process is no more. Made inside a running event loop.
    """

    def __init__(
        self, pid: int, child: subprocess.Popen[bytes] | None = None, life: int = -1
    ) -> None:
        """``life``: the end of a pipe whose closing ends the process and its session.

        Raises ProcessLookupError when there is no such process.
        """
        self.pid = pid
        self._child = child
        self._life = life
        self._loop = asyncio.get_running_loop()
        self._pidfd = os.pidfd_open(pid)
        self.ended: asyncio.Future[None] = self._loop.create_future()
        self._loop.add_reader(self._pidfd, self._over)

    def _over(self) -> None:
        if self._child is not None:
            self._child.wait()
        if self._life >= 0:
            with contextlib.suppress(BrokenPipeError):
                os.write(self._life, b"\n")
        self.close()
        if not self.ended.done():
            self.ended.set_result(None)

    @property
    def exit_status(self) -> int | None:
        """As the shell counts: 128 + n for an end by signal n. None for somebody else's child."""
        if self._child is None or self._child.returncode is None:
            return None
        code = self._child.returncode
        return code if code >= 0 else 128 - code

    def close(self) -> None:
        """No longer wait for it. It goes on, unless its life hangs on this process."""
        if self._life >= 0:
            os.close(self._life)
            self._life = -1
        if self._pidfd >= 0:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1

    async def end(self, grace: float, first: signal.Signals = signal.SIGTERM) -> None:
        """The ``first`` signal to all of the session, KILL to what is left after ``grace`` seconds.

        Returns when nothing of it runs any more; at once when that is so already.
        """
        self._signal_group(first)
        strays = await asyncio.to_thread(_session, self.pid)
        _signal(strays, first, self.pid)
        try:
            async with asyncio.timeout(grace):
                await asyncio.shield(self.ended)
                await self._session_gone()
        except TimeoutError:
            self.kill()
            await self._session_gone(signal.SIGKILL)
            await self.ended

    async def _session_gone(self, number: signal.Signals | None = None) -> None:
        """The kernel tells nobody that a session is empty: one has to look, ever less often (a
        process in an uninterruptible wait outlives a KILL)."""
        pause = _FIRST_LOOK
        while left := await asyncio.to_thread(_session, self.pid):
            if number is not None:
                _signal(left, number)
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 1.0)

    @property
    def left_some_behind(self) -> bool:
        """Whether its process group still has a process, itself included."""
        try:
            os.killpg(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:  # all of them changed their user
            return True
        return True

    def kill(self) -> None:
        self._signal_group(signal.SIGKILL)

    def _signal_group(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)


def _signal(pids: Sequence[int], number: signal.Signals, told_group: int | None = None) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getpgid(pid) != told_group:
                os.kill(pid, number)


def spawn(
    argv: Sequence[str],
    *,
    cwd: str,
    env: Mapping[str, str],
    output: int,
    journal: Path | None = None,
    dies_with_agent: bool = False,
) -> Process:
    """Starts a bash in a session of its own, both its outputs into the descriptor ``output``.

    To the ``journal`` it appends its exit status at its end (run_folder.Left). One that
    ``dies_with_agent`` is killed with its whole session when this process ends, however it ends,
    or closes the returned Process. Both are the work of the preamble that bash reads first.

    Raises OSError as exec and chdir do. Only arguments that let `subprocess` spawn by vfork are
    used: a plain fork of a process that has gRPC loaded crashes its child now and then.
    """
    env = {**env, "BASH_ENV": str(PREAMBLE)}
    passed: list[int] = []
    with contextlib.ExitStack() as opened, contextlib.ExitStack() as on_failure:
        life = -1
        if dies_with_agent:
            end, life = os.pipe()
            opened.callback(os.close, end)
            on_failure.callback(os.close, life)
            passed.append(end)
            env["_CRONY_LIFE_FD"] = str(end)
        if journal is not None:
            descriptor = os.open(journal, os.O_WRONLY | os.O_APPEND)
            opened.callback(os.close, descriptor)
            passed.append(descriptor)
            env["_CRONY_JOURNAL_FD"] = str(descriptor)
        child = subprocess.Popen(
            argv,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            pass_fds=passed,
        )
        try:
            process = Process(child.pid, child, life)
        except OSError:  # no descriptor left: nobody could follow it
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            raise
        on_failure.pop_all()
    return process
