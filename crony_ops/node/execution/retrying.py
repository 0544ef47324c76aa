"""Whether a run is tried again, and when. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from crony_ops.model.job import Backoff, Retries
from crony_ops.model.run import Attempt, RunState

if TYPE_CHECKING:
    from crony_ops.node.execution.run_folder import Ended

_AS_A_SHELL_TELLS_SIGNALS = 128


def is_tried_again(retries: Retries, ends: Sequence[Ended]) -> bool:
    """``ends`` are the attempts so far. Where the job names what to retry after, an attempt that
    has no exit code and no status (it timed out, nobody answered) is not retried."""
    if not ends or ends[-1].state not in (RunState.failed, RunState.timed_out):
        return False
    if len(ends) > retries.count:
        return False
    return not retries.retry_on or _code(ends[-1].attempt) in retries.retry_on


def _code(attempt: Attempt) -> int | None:
    if attempt.signal is not None:
        return _AS_A_SHELL_TELLS_SIGNALS + attempt.signal
    return attempt.status if attempt.exit_code is None else attempt.exit_code


def retry_delay(retries: Retries, attempt: int, lot: float) -> float:
    """Seconds between the end of ``attempt`` (the first is 1) and the start of the next. ``lot``,
    drawn from 0 to 1, is the part of the jitter that is added."""
    delay: float = retries.delay
    if retries.backoff is Backoff.exponential:
        delay = min(delay * 2.0 ** (attempt - 1), retries.max_delay)
    return delay + retries.jitter * lot
