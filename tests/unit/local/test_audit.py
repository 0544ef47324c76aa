"""The audit must see each kind of mistake: every one of them is planted here."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest

from crony_ops.local.audit import Fate, Series, audit
from crony_ops.local.ledger import LedgerLine, ledger_job, read_ledger
from crony_ops.model.job import Job
from crony_ops.model.run import GapRecord, RunRecord, RunState, rerun_id, tick_run_id
from crony_ops.schedule import parse_schedule

T = 1_800_000_000
EVERY_TEN = parse_schedule("*/10 * * * * *", timezone="UTC", job_id="j")


def series(until: int = T + 30, **fields: Any) -> Series:
    return Series("j", EVERY_TEN, T, until, **fields)


def line(
    event: Literal["start", "end"], tick: int, at: float, run: str = "", node: str = "n1"
) -> LedgerLine:
    return LedgerLine(event, "j", tick, run or tick_run_id(tick), node, 1, at)


def lines(tick: int, run: str = "", late: float = 0.02, lasts: float = 0.1) -> list[LedgerLine]:
    begun = tick + late
    return [line("start", tick, begun, run), line("end", tick, begun + lasts, run)]


def record(tick: int, run: str = "", **fields: Any) -> RunRecord:
    return RunRecord.model_validate(
        {
            "run_id": run or tick_run_id(tick),
            "job_id": "j",
            "tick": tick,
            "state": RunState.succeeded,
            "node": "uuid-1",
            "node_name": "n1",
            "started_at": tick + 0.01,
            "ended_at": tick + 1,
            **fields,
        }
    )


def lost(tick: int, run: str = "", **fields: Any) -> RunRecord:
    return record(tick, run, state="lost", started_at=None, reason="its node n1 was lost", **fields)


def rerun(tick: int) -> RunRecord:
    return record(tick, rerun_id(tick, 1), rerun=1, kind="queued", reason="was lost")


def gap(first: int, last: int, count: int) -> GapRecord:
    return GapRecord(
        type="gap",
        run_id="g-m",
        job_id="j",
        first=first,
        last=last,
        count=count,
        reason="away",
        at=T,
    )


TICKS = (T + 10, T + 20, T + 30)
ALL_WELL = [line for tick in TICKS for line in lines(tick)]
ALL_RECORDS = [record(tick) for tick in TICKS]


def test_ticks_run_in_time_are_on_time() -> None:
    result = audit([series()], ALL_WELL, ALL_RECORDS)
    assert result.sound
    assert result.counts == {Fate.on_time: 3}


def test_a_run_that_starts_late_is_made_up_and_a_splay_is_not_late() -> None:
    late = [*lines(T + 10, late=5.0)]
    one = [series(until=T + 10)]
    assert audit(one, late, [record(T + 10)]).counts == {Fate.made_up: 1}
    splayed = [series(until=T + 10, splay=5)]
    assert audit(splayed, late, [record(T + 10)]).counts == {Fate.on_time: 1}


def test_a_tick_in_a_gap_is_missed_with_its_reason() -> None:
    result = audit([series()], lines(T + 30), [gap(T + 10, T + 20, 2), record(T + 30)])
    assert result.sound
    assert result.reasons(Fate.missed) == {("j", "away"): 2}


def test_a_lost_run_and_its_rerun_are_one_rerun_tick() -> None:
    again = rerun_id(T + 10, 1)
    ledger = [line("start", T + 10, T + 10.1), *lines(T + 10, again, late=5)]
    result = audit([series(T + 10, rerun=True)], ledger, [lost(T + 10), rerun(T + 10)])
    assert result.sound
    assert result.counts == {Fate.rerun: 1}


def test_a_lost_run_that_nobody_repeats_is_lost() -> None:
    result = audit([series(T + 10)], [line("start", T + 10, T + 10.1)], [lost(T + 10)])
    assert result.sound
    assert result.reasons(Fate.lost) == {("j", "its node n1 was lost"): 1}


def test_a_lost_run_whose_end_was_told_later_ran_after_all() -> None:
    result = audit([series(T + 10)], lines(T + 10), [lost(T + 10), record(T + 10)])
    assert result.sound
    assert result.counts == {Fate.on_time: 1}


def test_a_skipped_run_is_skipped() -> None:
    skipped = record(T + 10, state="skipped", started_at=None, reason="still running")
    assert audit([series(T + 10)], [], [skipped]).counts == {Fate.skipped: 1}


def test_runs_that_somebody_asked_for_are_no_ticks() -> None:
    asked = lines(T + 13, "20270115T080013Z-o77")
    records = [*ALL_RECORDS, record(T + 13, "20270115T080013Z-o77", kind="once")]
    assert audit([series()], [*ALL_WELL, *asked], records).sound


def test_each_node_has_its_own_ticks_of_an_every_node_job() -> None:
    here, there = tick_run_id(T + 10, "n1"), tick_run_id(T + 10, "n2")
    both = [series(T + 10, node="n1"), series(T + 10, node="n2")]
    ledger = [*lines(T + 10, here), *lines(T + 10, there)]
    assert audit(both, ledger, [record(T + 10, here), record(T + 10, there)]).sound
    alone = audit(both, lines(T + 10, here), [record(T + 10, here)])
    assert [a.node for a in alone.unaccounted] == ["n2"]


def test_a_forgotten_tick_is_unaccounted_for() -> None:
    result = audit([series()], [*lines(T + 10), *lines(T + 30)], [record(T + 10), record(T + 30)])
    assert [a.tick for a in result.unaccounted] == [T + 20]
    assert not result.sound


AGAIN = rerun_id(T + 10, 1)


@pytest.mark.parametrize(
    ("ledger", "records", "may_rerun", "said"),
    [
        pytest.param(
            [*lines(T + 10), *lines(T + 10, late=0.5)],
            [record(T + 10)],
            False,
            "made more than once",
            id="two nodes run the same claim",
        ),
        pytest.param(
            [*lines(T + 10), *lines(T + 10, AGAIN, late=3)],
            [record(T + 10), rerun(T + 10)],
            True,
            "which was not lost",
            id="a re-run of a run that was not lost",
        ),
        pytest.param(
            [line("start", T + 10, T + 10.1), *lines(T + 10, AGAIN, late=5)],
            [lost(T + 10), rerun(T + 10)],
            False,
            "which was not lost",
            id="a re-run of a job that asks for none",
        ),
        pytest.param(
            [*lines(T + 10, lasts=8), *lines(T + 10, AGAIN, late=5)],
            [lost(T + 10), rerun(T + 10)],
            True,
            "was still running",
            id="a re-run beside a run that was not fenced in time",
        ),
    ],
)
def test_a_tick_run_twice_is_seen(
    ledger: list[LedgerLine], records: list[RunRecord], may_rerun: bool, said: str
) -> None:
    result = audit([series(T + 10, rerun=may_rerun)], ledger, records)
    assert any(said in words for words in result.twice)
    assert not result.sound


@pytest.mark.parametrize(
    ("ledger", "records", "said"),
    [
        pytest.param([], [record(T + 10)], "the job knows nothing of it", id="no run behind it"),
        pytest.param(lines(T + 10), [], "there is no record of it", id="no record"),
        pytest.param(
            lines(T + 10),
            [record(T + 10, state="skipped", started_at=None)],
            "and yet it ran",
            id="skipped, and yet it ran",
        ),
        pytest.param(
            lines(T + 10), [gap(T + 10, T + 10, 1)], "recorded as missed", id="missed, and it ran"
        ),
        pytest.param(
            [*lines(T + 10), *lines(T + 13)],
            [record(T + 10), record(T + 13)],
            "no tick of its",
            id="off the schedule",
        ),
        pytest.param(
            [*lines(T + 10), *lines(T)],
            [record(T + 10), record(T)],
            "before its first assignment",
            id="fired retroactively",
        ),
    ],
)
def test_a_contradiction_is_seen(
    ledger: list[LedgerLine], records: list[RunRecord | GapRecord], said: str
) -> None:
    result = audit([series(T + 10)], ledger, records)
    assert any(said in words for words in result.wrong)
    assert not result.sound


def test_a_ledger_job_is_a_job_and_its_lines_are_read(tmp_path: Path) -> None:
    written = ledger_job(tmp_path / "ledger", "* * * * * *", seconds=1, on_node_loss="rerun")
    job = Job.model_validate(written)
    assert job.rerun
    assert "sleep 1" in (job.shell or "")
    text = (
        '{"event":"start","job":"j","tick":"20270115T080010Z","run":"r","node":"n1",'
        '"attempt":1,"at":1800000010.025}'
    )
    assert read_ledger([text]) == [LedgerLine("start", "j", T + 10, "r", "n1", 1, T + 10.025)]
