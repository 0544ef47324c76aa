"""A process of a run: how it is started, awaited and ended, with all that it started itself.

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
import time
from pathlib import Path
from typing import TYPE_CHECKING

from crony_ops.node.execution.proc_table import MARK, SharedTable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crony_ops.node.execution.cgroup import Cgroup

PREAMBLE = Path(__file__).with_name("preamble.bash")
"""What each bash reads first, by this path: so it must be a file, and part of the wheel."""

_FIRST_LOOK = 0.02
_LAST_LOOK = 1.0
_TABLE = SharedTable()


@functools.cache
def boot_id() -> str:
    """Changes with each boot of the machine: a pid means nothing beyond it."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


class Process:
    """A process that leads a session of its own.

    ``ended`` is done as soon as the process is no more. Made inside a running event loop.
    """

    def __init__(
        self,
        pid: int,
        child: subprocess.Popen[bytes] | None = None,
        life: int = -1,
        *,
        mark: str = "",
        group: Cgroup | None = None,
    ) -> None:
        """``life``: the end of a pipe whose closing ends the process and its session. ``mark``:
        the value of the variable MARK that it was started with. ``group``: one that exists.

        Raises ProcessLookupError when there is no such process.
        """
        self.pid = pid
        self._child = child
        self._life = life
        self._mark = mark.encode()
        self._group = group
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
        self._let_go()
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
        self._let_go()
        if self._group is not None and not self._group.remove() and not self._loop.is_closed():
            # What watches over its life is about to end. A daemon is left alone, and its group.
            self._loop.call_later(_LAST_LOOK, self._group.remove)

    def _let_go(self) -> None:
        if self._life >= 0:
            os.close(self._life)
            self._life = -1
        if self._pidfd >= 0:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1

    async def end(self, grace: float, first: signal.Signals = signal.SIGTERM) -> None:
        """``first`` to all that belongs to it, KILL to what is left after ``grace`` seconds.

        That is its control group, its session, and whatever else of the run carries its mark.
        Returns when nothing of it runs any more; at once when that is so already.
        """
        self._signal_group(first)
        _signal(await self._left(), first, self.pid)
        try:
            async with asyncio.timeout(0 if first is signal.SIGKILL else grace):
                await asyncio.shield(self.ended)
                await self._all_gone()
        except TimeoutError:
            self.kill()
            await self._all_gone(signal.SIGKILL)
            await self.ended

    async def _all_gone(self, number: signal.Signals | None = None) -> None:
        """The kernel tells nobody that a session is empty: one has to look, ever less often (a
        process in an uninterruptible wait outlives a KILL)."""
        pause = _FIRST_LOOK
        while left := await self._left():
            if number is not None:
                _signal(left, number)
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 1.0)

    async def left_some_behind(self) -> bool:
        """Whether anything that belongs to it still runs, itself included."""
        return bool(await self._left())

    async def _left(self) -> list[int]:
        # Its first process enters the group by itself. One that did not, or not yet, leaves it
        # empty: the table has the last word.
        if self._group is not None and (found := self._group.pids()):
            return found
        asked = time.monotonic()
        table = await asyncio.to_thread(_TABLE.read, asked)
        return table.of(self.pid, self._mark)

    def kill(self) -> None:
        self._signal_group(signal.SIGKILL)
        if self._group is not None:
            self._group.kill()

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
    umask: int = -1,
    journal: Path | None = None,
    dies_with_agent: bool = False,
    group: Cgroup | None = None,
) -> Process:
    """Starts a bash in a session of its own, both its outputs into the descriptor ``output``.

    To the ``journal`` it appends its exit status at its end (run_folder.Left). One that
    ``dies_with_agent`` is killed with its whole session when this process ends, however it ends,
    or closes the returned Process. It enters the ``group``, which exists. All three are the work
    of the preamble that bash reads first. ``umask`` is -1 for the agent's.

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
        if group is not None:
            files = {"_CRONY_GROUP_FD": "cgroup.procs"}
            if dies_with_agent:
                files["_CRONY_KILL_FD"] = "cgroup.kill"
            for variable, name in files.items():
                with contextlib.suppress(OSError):  # it goes without; no kill before Linux 5.14
                    descriptor = group.open(name)
                    opened.callback(os.close, descriptor)
                    passed.append(descriptor)
                    env[variable] = str(descriptor)
        child = subprocess.Popen(
            argv,
            cwd=cwd,
            env=env,
            umask=umask,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            pass_fds=passed,
        )
        try:
            process = Process(child.pid, child, life, mark=env.get(MARK, ""), group=group)
        except OSError:  # no descriptor left: nobody could follow it
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            raise
        on_failure.pop_all()
    return process
