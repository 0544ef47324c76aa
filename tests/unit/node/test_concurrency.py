"""Whether a run starts while others of its job run, as one table."""

from __future__ import annotations

import pytest

from crony_ops.model.job import Job
from crony_ops.model.run import OpenRun, QueuedRun, RunKind, rerun_id
from crony_ops.node.runs.active_run import ActiveRun
from crony_ops.node.runs.concurrency import (
    Answer,
    may_start,
    replaced_with,
    slots,
    still_running,
)

T = 1_800_000_000

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


NEWER = "20270115T080000Z-s"


@pytest.mark.parametrize(
    ("tick", "not_before", "replaced", "by"),
    [
        (T - 1, 0.0, ("before",), NEWER),
        (T - 1, T, ("before",), NEWER),
        # What runs has replaced nothing: it may end before the next tick.
        (T - 1, 0.0, (), ""),
        # It could not have run yet when the other one was replaced.
        (T - 1, T + 0.5, ("before",), ""),
        # A newer tick is not replaced by an older one.
        (T + 1, 0.0, ("before",), ""),
    ],
)
def test_a_run_that_replaces_another_replaces_what_waited_for_that_one(
    tick: int, not_before: float, replaced: tuple[str, ...], by: str
) -> None:
    job = Job.model_validate({"schedule": "@daily", "shell": "true", "concurrency": "replace"})
    run = OpenRun(run_id=NEWER, job_id="j", tick=T, node="u", incarnation=1)
    running = ActiveRun(run, job, fires_at=T, replaced=replaced)
    waiting = QueuedRun(
        run_id=rerun_id(tick, 1), tick=tick, reason="lost", rerun=1, not_before=not_before
    )
    assert replaced_with(waiting, [running]) == by
    assert replaced_with(waiting, []) == ""


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
