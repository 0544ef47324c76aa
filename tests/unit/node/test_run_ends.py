"""What the end of a run becomes: a record that etcd takes, however often it was tried."""

from __future__ import annotations

import pytest

from crony_ops.model.run import Attempt
from crony_ops.node.runs.run_ends import MOST_OF_ATTEMPTS, in_measure


def tried(times: int, output: str) -> list[Attempt]:
    return [
        Attempt(number=number, started_at=0.0, ended_at=1.0, exit_code=1, output=output)
        for number in range(1, times + 1)
    ]


@pytest.mark.parametrize(("times", "output"), [(1, "\0" * 4096), (4, "said\n" * 800), (101, "no")])
def test_what_a_record_bears_is_kept_whole(times: int, output: str) -> None:
    attempts = tried(times, output)
    assert in_measure(attempts) == tuple(attempts)


@pytest.mark.parametrize("character", ["\0", "\x1b", "x", "\ufffd"])
def test_of_many_attempts_the_newest_keep_their_output(character: str) -> None:
    attempts = tried(101, character * (4096 // len(character.encode())))
    kept = in_measure(attempts)
    assert [attempt.number for attempt in kept] == list(range(1, 102))
    with_output = [attempt.number for attempt in kept if attempt.output]
    assert with_output == list(range(102 - len(with_output), 102))
    assert with_output
    assert sum(len(attempt.to_json()) for attempt in kept) < 2 * MOST_OF_ATTEMPTS
