"""A run's end in a line."""

from __future__ import annotations

import pytest

from crony_ops.cli.past_runs.run_words import attempt_in_words, end_with_status
from crony_ops.model.run import Attempt, RunState
from tests.unit.cli.runs import a_run

TICK = 1_795_372_200


def attempt(**fields: object) -> Attempt:
    known = {"number": 1, "started_at": TICK, "ended_at": TICK + 2}
    return Attempt.model_validate({**known, **fields})


@pytest.mark.parametrize(
    ("ended", "reason", "words"),
    [
        ({"exit_code": 0}, "", "backup succeeded on node-1 in 2.0 s: exit 0"),
        ({"exit_code": 0}, "asked for", "backup succeeded on node-1 in 2.0 s: exit 0, asked for"),
        ({"exit_code": 3}, "exit 3: oops", "backup succeeded on node-1 in 2.0 s: exit 3: oops"),
        ({"status": 204}, "", "backup succeeded on node-1 in 2.0 s: status 204"),
        ({}, "", "backup succeeded on node-1 in 2.0 s"),
    ],
)
def test_the_end_has_the_exit_status(ended: dict[str, object], reason: str, words: str) -> None:
    run = a_run(TICK, RunState.succeeded, 2.0, reason=reason, attempts=(attempt(**ended),))
    assert end_with_status(run) == words


@pytest.mark.parametrize(
    ("ended", "words"),
    [
        ({"reason": "timed out"}, "attempt 1 of 3: timed out after 2.0 s"),
        ({"signal": 9}, "attempt 1 of 3: signal 9 after 2.0 s"),
        ({}, "attempt 1 of 3: ended after 2.0 s"),
    ],
)
def test_an_attempt_ended_somehow(ended: dict[str, object], words: str) -> None:
    assert attempt_in_words(attempt(**ended), 3) == words
