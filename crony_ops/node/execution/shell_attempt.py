"""One attempt of a shell job: its process, started here or by an earlier life of the agent."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from typing import TYPE_CHECKING

from crony_ops.model.job import Concurrency
from crony_ops.model.run import Attempt, RunState
from crony_ops.node.execution import shell
from crony_ops.node.execution.cgroup import Cgroup
from crony_ops.node.execution.forbidden_output import forbidden
from crony_ops.node.execution.proc_table import MARK, running_with, session_leader_with
from crony_ops.node.execution.process import Process, boot_id, spawn
from crony_ops.node.execution.run_folder import (
    Ended,
    Started,
    begin_journal,
    last_line,
    open_log,
    output_limit,
    read_journal,
    read_tail,
    record_start,
)

if TYPE_CHECKING:
    import pwd
    from collections.abc import Callable, Mapping

    from crony_ops.node.execution.run_folder import Journal, RunContext, RunFiles, RunMeta
    from crony_ops.node.execution.stop_order import StopOrder

_REASON_LINE = 200
_SIGNALS = {int(number) for number in signal.valid_signals()}
_IN_WORDS = {126: "exit 126, could not be executed", 127: "exit 127, not found"}
"""What these mean to every shell."""


def start(
    meta: RunMeta,
    files: RunFiles,
    number: int,
    began: float,
    own: Mapping[str, str],
    user: pwd.struct_passwd | None,
) -> ShellAttempt:
    """``own``: the job's variables with the secrets in them, which the journal must not have.
    ``user``: whom it runs as where that isn't the agent's own.

    Raises CannotStart, OSError or ValueError (a NUL byte in the command)."""
    job, context = meta.job, meta.context
    assert job.shell is not None
    presets = [path.read_text("utf-8") for path in context.preset_env]
    with_secrets = job.model_copy(update={"env": own})
    env = shell.environment(with_secrets, user, context, files, number, os.environ, presets)
    wrapped = not context.dies_with_agent and shell.hides_its_end(job)
    argv = shell.command_line(job, user, files, number, wrapped=wrapped)
    if number == 1:
        begin_journal(files, meta)
    with contextlib.ExitStack() as opened:
        log = open_log(files)
        opened.callback(os.close, log)
        if user is not None:
            os.fchown(log, user.pw_uid, user.pw_gid)  # so that it may open /dev/stderr
        started = Started(
            attempt=number, at=began, monotonic=time.monotonic(), offset=os.fstat(log).st_size
        )
        # Noted before it begins: an agent that dies right after this finds it without its pid.
        record_start(files, started)
        process = _spawn(meta, files, argv, env, log, number, wrapped=wrapped)
    started = started.model_copy(update={"pid": process.pid})
    with contextlib.suppress(OSError):  # a full disk: it runs, and can't be adopted
        record_start(files, started)
    return ShellAttempt(meta, files, started, process)


def _spawn(
    meta: RunMeta,
    files: RunFiles,
    argv: list[str],
    env: dict[str, str],
    log: int,
    number: int,
    *,
    wrapped: bool,
) -> Process:
    """Raises OSError."""
    job, context = meta.job, meta.context
    group = Cgroup.of(context, files, number) if _has_to_be_ended(meta) else None
    if group is not None and not group.make():
        group = None
    try:
        return spawn(
            argv,
            cwd="/",
            env=env,
            output=log,
            umask=-1 if job.umask is None else int(job.umask, 8),
            journal=None if wrapped or context.dies_with_agent else files.journal,
            dies_with_agent=context.dies_with_agent,
            group=group,
        )
    except OSError:
        if group is not None:
            group.remove()
        raise


def _has_to_be_ended(meta: RunMeta) -> bool:
    """Whether the agent may have to end the run by itself. Others, which only somebody's order
    ends, save what a control group costs: a good part of what a short run costs altogether."""
    replaced = meta.job.concurrency is Concurrency.replace
    return replaced or meta.job.timeout is not None or meta.context.dies_with_agent


def adopt(journal: Journal, started: Started, files: RunFiles) -> ShellAttempt | None:
    """The attempt that an earlier life of the agent started. None: nobody saw its end.

    One that was to die with its agent is none either; if something of it still runs, it is killed.
    """
    meta = journal.meta
    process, group = None, None
    if meta.job.shell is not None and meta.boot_id == boot_id():
        group = Cgroup.of(meta.context, files, started.attempt)
        if group is not None and not group.exists:
            group = None
        process = _still_running(started, meta.context, files, group)
    if meta.context.dies_with_agent or (process is None and journal.left is None):
        if process is not None:
            process.kill()
            process.close()
        if group is not None:
            group.kill()
            group.remove()
        return None
    if process is None and group is not None:
        group.remove()
    return ShellAttempt(meta, files, started, process)


def _still_running(
    started: Started, context: RunContext, files: RunFiles, group: Cgroup | None
) -> Process | None:
    """The attempt's process, if that very process still lives."""
    marks = {
        "CRONY_JOB": context.job_id,
        "CRONY_RUN": context.run_id,
        "CRONY_ATTEMPT": str(started.attempt),
        MARK: str(files.log),  # another agent on this machine may have the same run
    }
    pid = started.pid or session_leader_with(marks)
    if pid is None:
        return None
    try:
        process = Process(pid, mark=str(files.log), group=group)
    except ProcessLookupError:
        return None
    # Only now, while the pidfd holds it: the pid can't pass to another process in between.
    if not running_with(pid, marks):
        process.close()
        return None
    return process


class ShellAttempt:
    """An attempt under way. ``process`` is None for one that ended while no agent looked."""

    def __init__(
        self, meta: RunMeta, files: RunFiles, started: Started, process: Process | None
    ) -> None:
        self.process = process
        self._job = meta.job
        self._kill_grace = meta.context.kill_grace
        self._files = files
        self._started = started

    async def follow(self, stop: StopOrder, redact: Callable[[str], str]) -> Ended:
        """To its end, which comes by itself, by the job's timeout or by the order to stop. What
        can't be followed is killed. ``redact``: for the output that is kept, a piece of it all."""
        process = self.process
        if process is None:
            return await self._end(None, redact)
        try:
            return await self._follow(process, stop, redact)
        except Exception:
            process.kill()
            with contextlib.suppress(Exception):  # what failed above may fail here, too
                await process.end(0, signal.SIGKILL)
            raise
        finally:
            process.close()

    async def _follow(
        self, process: Process, stop: StopOrder, redact: Callable[[str], str]
    ) -> Ended:
        timeout = self._job.timeout
        limit = None if timeout is None else self._started.monotonic + timeout - time.monotonic()
        await stop.within(limit, asyncio.shield(process.ended))
        if process.ended.done():
            ended = await self._end(process.exit_status, redact)
            if ended.state is not RunState.succeeded and await process.left_some_behind():
                await process.end(self._kill_grace)
            return ended
        state, reason = stop.or_timed_out(timeout)
        await process.end(self._kill_grace, stop.first)
        return self._ended(state, reason, time.time(), redact(self._output(state)))

    async def _end(self, status: int | None, redact: Callable[[str], str]) -> Ended:
        """``status`` is None for an adopted process: then what it left in the journal counts."""
        ended_at = time.time()
        if status is None and (journal := read_journal(self._files)) and journal.left:
            status, ended_at = journal.left.status, journal.written_at
        signalled = None
        if status is None:
            state, reason = RunState.lost, "it ended unseen while its agent was restarted"
        elif status in self._job.success.exit_codes:
            state, reason = RunState.succeeded, await self._forbidden()
            if reason:
                state = RunState.failed
        elif status - 128 in _SIGNALS:
            signalled = status - 128
            state, reason = RunState.failed, f"ended by {signal.Signals(signalled).name}"
        else:
            state, reason = RunState.failed, _IN_WORDS.get(status, f"exit {status}")
        output = redact(self._output(state))
        succeeded = status in self._job.success.exit_codes
        if state is RunState.failed and not succeeded and (said := last_line(output)):
            reason = f"{reason}: {said[:_REASON_LINE]}"
        exit_code = None if signalled else status
        return self._ended(state, reason, ended_at, output, exit_code, signalled)

    async def _forbidden(self) -> str:
        """Why a run that ended well has failed after all; empty if it has not."""
        pattern = self._job.success.forbid_output
        if pattern is None:
            return ""
        return await forbidden(self._files.log, self._started.offset, pattern)

    def _output(self, state: RunState) -> str:
        return read_tail(self._files.log, self._started.offset, output_limit(state))

    def _ended(
        self,
        state: RunState,
        reason: str,
        ended_at: float,
        output: str,
        exit_code: int | None = None,
        signalled: int | None = None,
    ) -> Ended:
        return Ended(
            state=state,
            attempt=Attempt(
                number=self._started.attempt,
                started_at=self._started.at,
                ended_at=ended_at,
                exit_code=exit_code,
                signal=signalled,
                reason=reason,
                output=output,
            ),
        )
