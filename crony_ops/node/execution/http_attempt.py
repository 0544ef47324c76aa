"""One attempt of an HTTP job: its request, what is noted of it, and how it ended."""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING

from crony_ops.model.run import Attempt, RunState
from crony_ops.node.execution import http
from crony_ops.node.execution.no_answer import NoAnswer
from crony_ops.node.execution.pattern import NotSearched
from crony_ops.node.execution.run_folder import (
    Ended,
    Started,
    begin_journal,
    open_log,
    output_limit,
    record_start,
    text_tail,
)
from crony_ops.node.execution.tls import NoTls
from crony_ops.secrets.lookup import NoSecret, Secrets
from crony_ops.secrets.redaction import Redaction

if TYPE_CHECKING:
    from collections.abc import Callable

    import aiohttp

    from crony_ops.node.execution.run_folder import RunFiles, RunMeta
    from crony_ops.node.execution.stop_order import StopOrder

DEFAULT_TIMEOUT = 60
"""Seconds that a request may take in all when the job names no timeout: a run has to end."""


async def make_request(
    meta: RunMeta,
    files: RunFiles,
    number: int,
    began: float,
    session: Callable[[], aiohttp.ClientSession],
    stop: StopOrder,
    may_be_sent: Callable[[], bool],
) -> Ended | None:
    """None if ``may_be_sent``, asked when it was connected, said no: nothing was sent. Raises
    OSError when it can't be noted beforehand."""
    action = meta.job.http
    assert action is not None
    if number == 1:
        begin_journal(files, meta)
    record_start(files, Started(attempt=number, at=began, monotonic=time.monotonic(), offset=0))
    timeout = meta.job.timeout or DEFAULT_TIMEOUT
    answer = http.Answer()
    redact = Redaction(())
    fault: str | None = None
    sent = True

    async def ask() -> None:
        nonlocal redact, fault, sent
        try:
            secrets = await Secrets.of(http.texts_of(action))
            redact = secrets.redaction
            told = http.identity(meta.context, number)
            await http.ask(session(), action, told, secrets, answer, may_be_sent=may_be_sent)
            fault = await http.fault_of(action, answer, answer.text())
        except http.NotSent:
            sent = False
        except (NoSecret, NoTls, NoAnswer, NotSearched) as error:
            fault = str(error)

    await stop.within(timeout, ask())
    if not sent:
        return None
    if fault is None:
        state, reason = stop.or_timed_out(timeout)
        if state is RunState.timed_out:
            reason = f"{reason}: {answer.so_far()}"
    else:
        state, reason = RunState.failed if fault else RunState.succeeded, redact(fault)
    output = redact(answer.text(), cut=True).encode()
    with contextlib.suppress(OSError):
        log = open_log(files)
        try:
            os.write(log, output)
        finally:
            os.close(log)
    return Ended(
        state=state,
        attempt=Attempt(
            number=number,
            started_at=began,
            ended_at=time.time(),
            status=answer.status,
            reason=reason,
            output=text_tail(output, output_limit(state)),
        ),
    )
