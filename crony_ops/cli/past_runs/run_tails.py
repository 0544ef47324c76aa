"""Printing what etcd keeps of a run's output: to stdout, and what is said of it to stderr."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from crony_ops.cli.past_runs.run_words import attempt_in_words
from crony_ops.cli.terminal.output import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crony_ops.model.run import Attempt, RunRecord


def print_tails(record: RunRecord, attempts: Sequence[Attempt] | None = None) -> None:
    """Of some of the record's ``attempts``, or of all; each with a newline at its end, so that
    what is said next stands on a line of its own."""
    for attempt in record.attempts if attempts is None else attempts:
        if len(record.attempts) > 1:
            say(attempt_in_words(attempt, len(record.attempts)))
        output = attempt.output
        sys.stdout.write(output if not output or output.endswith("\n") else f"{output}\n")
        sys.stdout.flush()
