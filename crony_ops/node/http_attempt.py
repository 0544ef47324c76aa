"""One attempt of an HTTP job: its request, what is noted of it, and how it ended."""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING

from crony_ops.model.run import Attempt, RunState
from crony_ops.node import http
from crony_ops.node.run_folder import (
    Ended,
    Started,
    begin_journal,
    open_log,
    output_limit,
    record_start,
    text_tail,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import aiohttp

    from crony_ops.node.run_folder import RunFiles, RunMeta
    from crony_ops.node.stop_order import StopOrder


async def make_request(
    meta: RunMeta,
    files: RunFiles,
    number: int,
    began: float,
    session: Callable[[], aiohttp.ClientSession],
    stop: StopOrder,
) -> Ended:
    """Raises OSError when it can't be noted beforehand: then nothing was sent."""
    action = meta.job.http
    assert action is not None
    if number == 1:
        begin_journal(files, meta)
    record_start(files, Started(attempt=number, at=began, monotonic=time.monotonic(), offset=0))
    timeout = meta.job.timeout or http.DEFAULT_TIMEOUT
    answer: http.Answer | None = None

    async def ask() -> None:
        nonlocal answer
        answer = await http.request(session(), action)

    await stop.within(timeout, ask())
    if answer is None:
        state, reason = stop.or_timed_out(timeout)
        answer = http.Answer(reason=reason)
    else:
        state = RunState.failed if answer.reason else RunState.succeeded
    with contextlib.suppress(OSError):
        log = open_log(files)
        try:
            os.write(log, answer.body)
        finally:
            os.close(log)
    return Ended(
        state=state,
        attempt=Attempt(
            number=number,
            started_at=began,
            ended_at=time.time(),
            status=answer.status,
            reason=answer.reason,
            output=text_tail(answer.body, output_limit(state)),
        ),
    )
