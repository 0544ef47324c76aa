"""One run: its attempts, the delays between them, and how it ended."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from crony_ops.model.duration import format_duration
from crony_ops.model.job import Backoff, Retries
from crony_ops.model.run import Attempt, RunState
from crony_ops.node import http, shell
from crony_ops.node.process import Process, boot_id, running_with, spawn
from crony_ops.node.run_folder import (
    Ended,
    RunContext,
    RunFiles,
    RunMeta,
    Started,
    begin_journal,
    read_journal,
    read_tail,
    record_end,
    record_start,
    text_tail,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import aiohttp

    from crony_ops.model.job import Job

__all__ = ["Execution", "Outcome", "RunContext", "retry_delay"]

SUCCESS_TAIL = 512
FAILURE_TAIL = 4096
"""Bytes of output that go into a run's record; the log has it all."""

_REASON_LINE = 200
_SIGNALS = {int(number) for number in signal.valid_signals()}
_request_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Times are unix seconds. ``started_at`` is None for a run stopped before its first attempt."""

    state: RunState
    reason: str
    attempts: tuple[Attempt, ...]
    started_at: float | None
    ended_at: float


def retry_delay(retries: Retries, attempt: int) -> float:
    """Seconds between the end of ``attempt`` (the first is 1) and the start of the next."""
    if retries.backoff is Backoff.fixed:
        return retries.delay
    return min(retries.delay * 2.0 ** (attempt - 1), retries.max_delay)


class Execution:
    """A run under way: ``perform()`` is called once, ``stop()`` at any time before its return."""

    def __init__(
        self,
        job: Job,
        context: RunContext,
        files: RunFiles,
        session: Callable[[], aiohttp.ClientSession],
        *,
        on_process: Callable[[int, int, str], None],
        on_process_end: Callable[[int], None],
    ) -> None:
        """``on_process`` is told of each process at its start (pid, attempt, command; for an HTTP
        job a count of requests stands for the pid), ``on_process_end`` of its end (pid)."""
        self.job = job
        self.context = context
        self._files = files
        self._session = session
        self._on_process = on_process
        self._on_process_end = on_process_end
        self._ends: list[Ended] = []
        self._started: Started | None = None
        self._process: Process | None = None
        self._stopped: tuple[RunState, str] | None = None
        self._scope: asyncio.Timeout | None = None

    @property
    def run_id(self) -> str:
        return self.context.run_id

    @property
    def job_id(self) -> str:
        return self.context.job_id

    @property
    def tick(self) -> int:
        return self.context.tick

    @classmethod
    def adopt(
        cls,
        files: RunFiles,
        session: Callable[[], aiohttp.ClientSession],
        *,
        on_process: Callable[[int, int, str], None],
        on_process_end: Callable[[int], None],
    ) -> Self | None:
        """Goes on with a run that an earlier life of the agent began, inside a running event loop.

        None: the run is lost, for nobody saw its end. A run that was to die with its agent is
        adopted only if it had ended; if something of it still runs, it is killed here.
        """
        journal = read_journal(files)
        if journal is None:
            return None
        started, context = journal.started, journal.meta.context
        process = None
        if started is not None:
            if journal.meta.boot_id == boot_id():
                process = _still_running(started, context.run_id)
            if context.dies_with_agent or (process is None and journal.left is None):
                if process is not None:
                    process.kill()
                    process.close()
                return None
        elif not journal.ends:
            return None
        self = cls(
            journal.meta.job,
            context,
            files,
            session,
            on_process=on_process,
            on_process_end=on_process_end,
        )
        self._ends = list(journal.ends)
        self._started = started
        self._process = process
        if started is None and context.dies_with_agent and not self._over:
            return None
        return self

    def stop(self, state: RunState, reason: str) -> None:
        """Asks the run to end: its processes get TERM, and KILL after the kill grace; a retry delay
        ends at once. ``perform()`` then returns this state and reason, unless the run succeeded
        before it could be told. The first call wins."""
        if self._stopped is None:
            self._stopped = (state, reason)
            if self._scope is not None and not self._scope.expired():
                self._scope.reschedule(0)

    async def perform(self) -> Outcome:
        """Never raises for what the job does wrong: a run that can't even start has failed.

        Cancelled (the agent goes down), it leaves the process of a shell job running, for
        ``adopt()``; one that dies with its agent is killed.
        """
        if self._ends and self._started is None and not self._over:
            await self._delay(time.time() - self._ends[-1].attempt.ended_at)
        # A process that was adopted is followed in any case, if only to be ended.
        while self._started is not None or (self._stopped is None and not self._over):
            ended = await self._attempt()
            self._ends.append(ended)
            with contextlib.suppress(OSError):  # a full disk: the end is told all the same
                record_end(self._files, ended)
            if not self._over:
                await self._delay()
        return self._outcome()

    @property
    def _over(self) -> bool:
        """Whether there is no further attempt after those that ended."""
        return bool(self._ends) and (
            self._ends[-1].state not in (RunState.failed, RunState.timed_out)
            or len(self._ends) > self.job.retries.count
        )

    def _outcome(self) -> Outcome:
        attempts = tuple(ended.attempt for ended in self._ends)
        last = self._ends[-1] if self._ends else None
        if self._stopped is not None and (last is None or last.state is not RunState.succeeded):
            state, reason = self._stopped
            ended_at = time.time()
        else:
            assert last is not None
            state, reason = last.state, last.attempt.reason
            ended_at = last.attempt.ended_at
        return Outcome(
            state=state,
            reason=reason,
            attempts=attempts,
            started_at=attempts[0].started_at if attempts else None,
            ended_at=ended_at,
        )

    async def _delay(self, passed: float = 0.0) -> None:
        delay = retry_delay(self.job.retries, len(self._ends))
        never = asyncio.get_running_loop().create_future()
        await self._within(min(delay, delay - passed), never)

    async def _within(self, limit: float | None, work: Awaitable[object]) -> None:
        """Awaits the work until it is done, or the limit (in seconds) has passed, or stop()."""
        try:
            async with asyncio.timeout(limit) as scope:
                self._scope = scope
                if self._stopped is None:
                    await work
        except TimeoutError:
            pass
        finally:
            self._scope = None

    async def _attempt(self) -> Ended:
        number = len(self._ends) + 1
        began = time.time()
        try:
            if self.job.http is not None:
                return await self._request(number, began)
            if self._started is None:
                self._started, self._process = self._start(number, began)
        except shell.CannotStart as error:
            return _failed(number, began, str(error))
        except (OSError, ValueError) as error:
            return _failed(number, began, f"can't be started: {_say(error)}")
        started, process = self._started, self._process
        try:
            if process is None:
                return self._end_of_shell(started, None)
            self._on_process(process.pid, number, self.job.shell or "")
            try:
                ended = await self._follow(started, process)
            finally:
                process.close()
            self._on_process_end(process.pid)
            return ended
        finally:
            self._started = self._process = None

    def _begin(self, number: int) -> None:
        if number == 1:
            begin_journal(
                self._files, RunMeta(context=self.context, job=self.job, boot_id=boot_id())
            )

    def _open_log(self) -> int:
        return os.open(
            self._files.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600
        )

    def _start(self, number: int, began: float) -> tuple[Started, Process]:
        """Raises CannotStart, OSError or ValueError (a NUL byte in the command)."""
        job, context = self.job, self.context
        assert job.shell is not None
        presets = [path.read_text("utf-8") for path in context.preset_env]
        env = shell.environment(job, context, number, os.environ, presets)
        wrapped = not context.dies_with_agent and shell.hides_its_end(job.shell)
        argv = shell.command_line(job, self._files, number, wrapped=wrapped)
        self._begin(number)
        with contextlib.ExitStack() as opened:
            log = self._open_log()
            opened.callback(os.close, log)
            if (user := shell.other_user(job)) is not None:
                os.fchown(log, user.pw_uid, user.pw_gid)  # so that it may open /dev/stderr
            offset = os.fstat(log).st_size
            process = spawn(
                argv,
                cwd=job.workdir or "/",
                env=env,
                output=log,
                journal=None if wrapped or context.dies_with_agent else self._files.journal,
                dies_with_agent=context.dies_with_agent,
            )
        started = Started(
            attempt=number,
            pid=process.pid,
            at=began,
            monotonic=time.monotonic(),
            offset=offset,
        )
        with contextlib.suppress(OSError):  # a full disk: it runs, and can't be adopted
            record_start(self._files, started)
        return started, process

    async def _follow(self, started: Started, process: Process) -> Ended:
        timeout = self.job.timeout
        limit = None if timeout is None else started.monotonic + timeout - time.monotonic()
        await self._within(limit, asyncio.shield(process.ended))
        if process.ended.done():
            ended = self._end_of_shell(started, process.exit_status)
            if ended.state is not RunState.succeeded and process.left_some_behind:
                await process.end(self.context.kill_grace)
            return ended
        state, reason = self._stopped or _timed_out(timeout)
        await process.end(self.context.kill_grace)
        return Ended(
            state=state,
            attempt=Attempt(
                number=started.attempt,
                started_at=started.at,
                ended_at=time.time(),
                reason=reason,
                output=read_tail(self._files.log, started.offset, FAILURE_TAIL),
            ),
        )

    def _end_of_shell(self, started: Started, status: int | None) -> Ended:
        """``status`` is None for an adopted process: then what it left in the journal counts."""
        ended_at = time.time()
        if status is None and (journal := read_journal(self._files)) and journal.left:
            status, ended_at = journal.left.status, journal.written_at
        signalled = None
        if status is None:
            state, reason = RunState.lost, "it ended unseen while its agent was restarted"
        elif status in self.job.success.exit_codes:
            state, reason = RunState.succeeded, ""
        elif status - 128 in _SIGNALS:
            signalled = status - 128
            state, reason = RunState.failed, f"ended by {signal.Signals(signalled).name}"
        else:
            state, reason = RunState.failed, f"exit {status}"
        limit = SUCCESS_TAIL if state is RunState.succeeded else FAILURE_TAIL
        output = read_tail(self._files.log, started.offset, limit)
        if state is RunState.failed and (said := output.strip().rpartition("\n")[2].strip()):
            reason = f"{reason}: {said[:_REASON_LINE]}"
        return Ended(
            state=state,
            attempt=Attempt(
                number=started.attempt,
                started_at=started.at,
                ended_at=ended_at,
                exit_code=None if signalled else status,
                signal=signalled,
                reason=reason,
                output=output,
            ),
        )

    async def _request(self, number: int, began: float) -> Ended:
        action = self.job.http
        assert action is not None
        self._begin(number)
        record_start(
            self._files, Started(attempt=number, at=began, monotonic=time.monotonic(), offset=0)
        )
        counted = next(_request_numbers)
        timeout = self.job.timeout or http.DEFAULT_TIMEOUT
        answer: http.Answer | None = None

        async def ask() -> None:
            nonlocal answer
            answer = await http.request(self._session(), action)

        self._on_process(counted, number, f"{action.method} {action.url}")
        try:
            await self._within(timeout, ask())
        finally:
            self._on_process_end(counted)
        if answer is None:
            state, reason = self._stopped or _timed_out(timeout)
            answer = http.Answer(reason=reason)
        else:
            state = RunState.failed if answer.reason else RunState.succeeded
        with contextlib.suppress(OSError):
            log = self._open_log()
            try:
                os.write(log, answer.body)
            finally:
                os.close(log)
        limit = SUCCESS_TAIL if state is RunState.succeeded else FAILURE_TAIL
        return Ended(
            state=state,
            attempt=Attempt(
                number=number,
                started_at=began,
                ended_at=time.time(),
                status=answer.status,
                reason=answer.reason,
                output=text_tail(answer.body, limit),
            ),
        )


def _timed_out(timeout: float | None) -> tuple[RunState, str]:
    return RunState.timed_out, f"timed out after {format_duration(timeout or 0)}"


def _failed(number: int, began: float, reason: str) -> Ended:
    return Ended(
        state=RunState.failed,
        attempt=Attempt(number=number, started_at=began, ended_at=time.time(), reason=reason),
    )


def _say(error: OSError | ValueError) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return str(error)


def _still_running(started: Started, run_id: str) -> Process | None:
    """The attempt's process, if that very process still lives."""
    if not started.pid:
        return None
    try:
        process = Process(started.pid)
    except ProcessLookupError:
        return None
    # Only now, while the pidfd holds it: the pid can't pass to another process in between.
    if not running_with(started.pid, {"CRONY_RUN": run_id, "CRONY_ATTEMPT": str(started.attempt)}):
        process.close()
        return None
    return process
