"""What the end of a run becomes: a record that etcd takes, however often it was tried."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from crony_ops.model.run import Attempt, OpenRun, RunState, tick_run_id
from crony_ops.node.execution.attempts import Outcome
from crony_ops.node.metrics import NodeMetrics
from crony_ops.node.runs.run_ends import MOST_OF_ATTEMPTS, RunEnds, in_measure

if TYPE_CHECKING:
    from crony_ops.node.report import Report
    from crony_ops.node.reports import Reports


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


class Told:
    """What would go to etcd."""

    def __init__(self) -> None:
        self.reports: list[Report] = []

    async def send(self, report: Report) -> None:
        self.reports.append(report)


@pytest.mark.parametrize(
    ("timed", "states", "news"),
    [
        (False, "ssfss", [True, False, True, True, False]),
        (True, "ssfss", [True] * 5),
        (True, "k-", [True, False]),
    ],
)
async def test_a_success_after_a_success_is_news_to_whom_wants_to_hear_of_slow_ones(
    timed: bool, states: str, news: list[bool]
) -> None:
    told, known = Told(), {"s": "succeeded", "f": "failed", "k": "killed", "-": "skipped"}
    ends = RunEnds(cast("Reports", told), NodeMetrics(), "n")
    for tick, state in enumerate(states):
        run = OpenRun(run_id=tick_run_id(tick), job_id="j", tick=tick, node="u", incarnation=1)
        outcome = Outcome(RunState(known[state]), "", (), None, float(tick))
        await ends.report(run, outcome, offline=False, timed=timed)
    assert [report.news for report in told.reports] == news


@pytest.mark.parametrize("state", [RunState.fenced, RunState.lost])
async def test_the_repetition_of_a_run_that_has_ended_waits_for_no_clock(state: RunState) -> None:
    told = Told()
    run = OpenRun(
        run_id=tick_run_id(60),
        job_id="j",
        tick=60,
        node="u",
        incarnation=1,
        on_node_loss_rerun=True,
    )
    hour_ahead = Outcome(state, "", (), None, ended_at=3660.0)
    ends = RunEnds(cast("Reports", told), NodeMetrics(), "n")
    await ends.report(run, hour_ahead, offline=False, timed=False)
    (queued,) = (report.rerun for report in told.reports)
    assert queued is not None
    assert queued.not_before == 0
