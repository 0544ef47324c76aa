"""One run: its attempts, the delays between them, and how it ended."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import random
import signal
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Self

from crony_ops.model.hiding import shown_url
from crony_ops.model.job import Concurrency
from crony_ops.model.run import Attempt, RunState, run_stamp
from crony_ops.node.execution import http_attempt, shell_attempt
from crony_ops.node.execution.adopted_secrets import redactor
from crony_ops.node.execution.proc_table import variables_of
from crony_ops.node.execution.process import boot_id
from crony_ops.node.execution.retrying import is_tried_again, retry_delay
from crony_ops.node.execution.run_folder import Ended, RunMeta, read_journal, record_end
from crony_ops.node.execution.shell import CannotStart, other_user
from crony_ops.node.execution.stop_order import StopOrder
from crony_ops.secrets.lookup import NoSecret, Secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import aiohttp

    from crony_ops.model.job import HttpAction, Job
    from crony_ops.node.execution.run_folder import RunContext, RunFiles

log = logging.getLogger(__name__)

_request_numbers = itertools.count(1)


def _never(_attempt: int) -> None:
    """Of a run that may go on whatever becomes of the lease that it was claimed under."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Times are unix seconds. ``started_at`` is None for a run stopped before its first attempt.
    ``overran`` says so when a run held up the one after it."""

    state: RunState
    reason: str
    attempts: tuple[Attempt, ...]
    started_at: float | None
    ended_at: float
    overran: str = ""


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
        fenced: Callable[[int], tuple[RunState, str] | None] = _never,
    ) -> None:
        """``on_process`` is told of each process at its start (pid, attempt, command; for an HTTP
        job a count of requests stands for the pid), ``on_process_end`` of its end (pid).
        ``fenced`` is asked right before each attempt (by its number), and of an HTTP job again
        when it is connected: how the run ends instead and why, or None.
        """
        self.job = job
        self._meta = RunMeta(context=context, job=job, boot_id=boot_id())
        self._files = files
        self._session = session
        self._on_process = on_process
        self._on_process_end = on_process_end
        self._fenced = fenced
        self._ends: list[Ended] = []
        self._adopted: shell_attempt.ShellAttempt | None = None
        self._stop = StopOrder()

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
        context = journal.meta.context
        attempt = None
        if journal.started is not None:
            attempt = shell_attempt.adopt(journal, journal.started, files)
            if attempt is None:
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
        self._adopted = attempt
        if attempt is None and context.dies_with_agent and not self._over:
            return None
        return self

    def stop(self, state: RunState, reason: str, first: signal.Signals = signal.SIGTERM) -> None:
        """Asks the run to end: its processes get the ``first`` signal, and KILL after the kill
        grace; a retry delay ends at once. ``perform()`` then returns this state and reason, unless
        the run succeeded before it could be told. The first call wins."""
        self._stop.give(state, reason, first)

    async def perform(self) -> Outcome:
        """Never raises for what the job does wrong: a run that can't even start has failed, and one
        that can't be followed is killed and has failed.

        Cancelled (the agent goes down), it leaves the process of a shell job running, for
        ``adopt()``; one that dies with its agent is killed.
        """
        if self._ends and self._adopted is None and not self._over:
            await self._delay(time.time() - self._ends[-1].attempt.ended_at)
        # A process that was adopted is followed in any case, if only to be ended.
        while self._adopted is not None or (self._stop.given is None and not self._over):
            ended = await self._attempt()
            if ended is None:
                break
            self._ends.append(ended)
            with contextlib.suppress(OSError):  # a full disk: the end is told all the same
                record_end(self._files, ended)
            if not self._over:
                await self._delay()
        return self._outcome()

    @property
    def _over(self) -> bool:
        """Whether there is no further attempt after those that ended."""
        return bool(self._ends) and not is_tried_again(self.job.retries, self._ends)

    def _outcome(self) -> Outcome:
        attempts = tuple(ended.attempt for ended in self._ends)
        last = self._ends[-1] if self._ends else None
        if self._stop.given is not None and (last is None or last.state is not RunState.succeeded):
            state, reason = self._stop.given
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
            overran=self._overran(ended_at),
        )

    def _overran(self, ended_at: float) -> str:
        due = self._meta.context.next_due
        if self.job.concurrency is not Concurrency.forbid or due is None or ended_at < due:
            return ""
        return f"it was still under way when the next run was due, at {run_stamp(due)}"

    async def _delay(self, passed: float = 0.0) -> None:
        delay = retry_delay(self.job.retries, len(self._ends), random.random())
        never = asyncio.get_running_loop().create_future()
        await self._stop.within(min(delay, delay - passed), never)

    async def _attempt(self) -> Ended | None:
        """None: an order to stop came before it began."""
        number = len(self._ends) + 1
        began = time.time()
        adopted, self._adopted = self._adopted, None
        try:
            if adopted is not None:
                shown = {} if adopted.process is None else variables_of(adopted.process.pid)
                return await self._follow(adopted, number, await redactor(self.job, shown))
            return await self._begin(number, began)
        except Exception as error:  # or it would end the agent, and with it all other runs
            log.exception("attempt %d of %s is given up", number, self._meta.context.run_id)
            return _failed(number, began, f"given up by its agent: {type(error).__name__}: {error}")

    async def _begin(self, number: int, began: float) -> Ended | None:
        try:
            if self.job.http is not None:
                if self._ends_here(number):
                    return None
                return await self._request(self.job.http, number, began)
            secrets = await Secrets.of(self.job.env.values())
            own = secrets.put_in_values(self.job.env)
            user = await other_user(self.job)
            if self._ends_here(number):
                return None
            attempt = shell_attempt.start(self._meta, self._files, number, began, own, user)
        except (CannotStart, NoSecret) as error:
            return _failed(number, began, str(error))
        except (OSError, ValueError) as error:
            return _failed(number, began, f"can't be started: {_say(error)}")
        return await self._follow(attempt, number, partial(secrets.redaction, cut=True))

    async def _follow(
        self, attempt: shell_attempt.ShellAttempt, number: int, redact: Callable[[str], str]
    ) -> Ended:
        if attempt.process is None:
            return await attempt.follow(self._stop, redact)
        with self._told_of(attempt.process.pid, number, self.job.shell or ""):
            return await attempt.follow(self._stop, redact)

    @contextlib.contextmanager
    def _told_of(self, pid: int, number: int, command: str) -> Iterator[None]:
        """Not of an end when cancelled: then the process goes on."""
        self._on_process(pid, number, command)
        try:
            yield
        except Exception:
            self._on_process_end(pid)
            raise
        self._on_process_end(pid)

    def _ends_here(self, number: int) -> bool:
        """Between what was looked at before and here a lease may have run out: the machine was
        busy, or this process was frozen."""
        if self._stop.given is None and (refusal := self._fenced(number)) is not None:
            self._stop.give(*refusal)
        return self._stop.given is not None

    async def _request(self, action: HttpAction, number: int, began: float) -> Ended | None:
        counted = next(_request_numbers)
        with self._told_of(counted, number, f"{action.method} {shown_url(action.url)}"):
            return await http_attempt.make_request(
                self._meta,
                self._files,
                number,
                began,
                self._session,
                self._stop,
                may_be_sent=lambda: not self._ends_here(number),
            )


def _failed(number: int, began: float, reason: str) -> Ended:
    return Ended(
        state=RunState.failed,
        attempt=Attempt(number=number, started_at=began, ended_at=time.time(), reason=reason),
    )


def _say(error: OSError | ValueError) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return str(error)
