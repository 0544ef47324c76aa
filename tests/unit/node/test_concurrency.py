"""Whether a run starts while others of its job run, as one table."""

from __future__ import annotations

import pytest

from crony_ops.model.job import Job
from crony_ops.model.run import RunKind
from crony_ops.node.runs.concurrency import Answer, may_start, slots, still_running

START, SKIP, WAIT, REPLACE = Answer.start, Answer.skip, Answer.wait, Answer.replace


@pytest.mark.parametrize(
    ("fields", "limit", "tick", "queued"),
    [
        # What becomes of a run while 0, 1, 2 and 3 others of its job run.
        ({}, 1, (START, SKIP, SKIP, SKIP), (START, WAIT, WAIT, WAIT)),
        (
            {"concurrency": "replace"},
            1,
            (START, REPLACE, REPLACE, REPLACE),
            (START, WAIT, WAIT, WAIT),
        ),
        ({"concurrency": "allow"}, None, (START,) * 4, (START,) * 4),
        (
            {"concurrency": "allow", "max_concurrent": 2},
            2,
            (START, START, SKIP, SKIP),
            (START, START, WAIT, WAIT),
        ),
    ],
)
def test_a_run_starts_is_skipped_waits_or_replaces(
    fields: dict[str, object],
    limit: int | None,
    tick: tuple[Answer, ...],
    queued: tuple[Answer, ...],
) -> None:
    job = Job.model_validate({"schedule": "@daily", "shell": "true", **fields})
    assert slots(job) == limit
    running = [[f"r{n}" for n in range(count)] for count in range(4)]
    assert tuple(may_start(job, RunKind.tick, some) for some in running) == tick
    assert tuple(may_start(job, RunKind.once, some) for some in running) == tick
    assert tuple(may_start(job, RunKind.queued, some) for some in running) == queued


@pytest.mark.parametrize(
    ("running", "words"),
    [
        (["a"], "a was still running"),
        (["a", "b"], "2 runs were still running: a, b"),
        (list("abcde"), "5 runs were still running: a, b, c and 2 more"),
    ],
)
def test_a_skipped_run_names_what_was_in_its_way(running: list[str], words: str) -> None:
    assert still_running(running) == words
