"""When a run of a job is in the way of others."""

from __future__ import annotations

from pathlib import Path

import pytest

from crony_ops.model.job import Job
from crony_ops.model.run import OpenRun, tick_run_id
from crony_ops.node.execution.attempts import Execution
from crony_ops.node.execution.http import open_session
from crony_ops.node.execution.run_folder import RunContext, RunFiles
from crony_ops.node.runs.active_run import ActiveRun

TICK = 1_795_392_000
JOB = Job.model_validate({"schedule": "@hourly", "shell": "true"})


def claimed() -> ActiveRun:
    run_id = tick_run_id(TICK)
    run = OpenRun(run_id=run_id, job_id="j", tick=TICK, node="u", incarnation=1)
    return ActiveRun(run, JOB, fires_at=TICK)


def begun() -> ActiveRun:
    active = claimed()
    active.execution = Execution(
        JOB,
        RunContext(
            job_id="j", run_id=active.run.run_id, tick=TICK, node="n", epoch=1, kill_grace=3.0
        ),
        RunFiles(Path("log"), Path("journal")),
        open_session,
        on_process=lambda *_: None,
        on_process_end=lambda _: None,
    )
    return active


@pytest.mark.parametrize(("now", "in_the_way"), [(TICK - 1, False), (TICK, True), (TICK + 9, True)])
def test_a_claimed_run_is_in_the_way_from_its_second_on(now: int, in_the_way: bool) -> None:
    assert claimed().is_under_way(now) is in_the_way


@pytest.mark.parametrize("now", [TICK - 3600, TICK, TICK + 3600])
def test_a_run_that_has_begun_is_in_the_way_whatever_becomes_of_the_clock(now: int) -> None:
    active = begun()
    assert active.is_under_way(now)
    active.ended.set()
    assert not active.is_under_way(now)
