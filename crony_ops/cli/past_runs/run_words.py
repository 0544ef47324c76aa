"""A run and its attempts, each in a line for people. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crony_ops.cli.past_runs.run_statistics import duration
from crony_ops.cli.terminal.output import brief

if TYPE_CHECKING:
    from crony_ops.model.run import Attempt, RunRecord


def end_in_words(record: RunRecord) -> str:
    """``backup failed on web-1 in 2.0 s: exit 3``."""
    took = duration(record)
    where = f" on {record.node_name or record.node}"
    lasted = "" if took is None else f" in {brief(took)}"
    return f"{record.job_id} {record.state.value}{where}{lasted}" + (
        f": {record.reason}" if record.reason else ""
    )


def end_with_status(record: RunRecord) -> str:
    """The same with what the last attempt ended with, also where that was well:
    ``backup succeeded on web-1 in 2.0 s: exit 0``."""
    status = _status(record.attempts[-1]) if record.attempts else ""
    if status in record.reason:
        return end_in_words(record)
    reason = ", ".join(filter(None, (status, record.reason)))
    return end_in_words(record.model_copy(update={"reason": reason}))


def attempt_in_words(attempt: Attempt, of: int) -> str:
    """``attempt 1 of 3: exit 3 after 2.0 s``. ``of``: how many there were in all."""
    lasted = brief(attempt.ended_at - attempt.started_at)
    return f"attempt {attempt.number} of {of}: {_how(attempt)} after {lasted}"


def _how(attempt: Attempt) -> str:
    return attempt.reason or _status(attempt) or "ended"


def _status(attempt: Attempt) -> str:
    if attempt.exit_code is not None:
        return f"exit {attempt.exit_code}"
    if attempt.signal is not None:
        return f"signal {attempt.signal}"
    return "" if attempt.status is None else f"status {attempt.status}"
