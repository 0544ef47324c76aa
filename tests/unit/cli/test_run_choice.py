"""Which run a person means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crony_ops.cli.past_runs.job_runs import JobRuns
from crony_ops.cli.past_runs.run_choice import NoSuchRun, chosen_run
from crony_ops.model.run import RunState
from tests.unit.cli.runs import a_gap, a_run, under_way

if TYPE_CHECKING:
    from crony_ops.model.run import RunRecord

TICK = 1_795_372_200  # 2026-11-22 18:30:00 UTC


def runs(*records: RunRecord, open_at: int | None = None) -> JobRuns:
    return JobRuns(
        job_id="backup",
        timezone="UTC",
        records=(*records, a_gap(1, 2, 2)),
        open=() if open_at is None else (under_way(open_at),),
        names={},
        unreadable=(),
    )


SOME = runs(a_run(TICK + 60), a_run(TICK), open_at=TICK + 120)


@pytest.mark.parametrize(
    ("named", "tick"),
    [
        (None, TICK + 120),
        ("-1", TICK + 120),
        ("-3", TICK),
        ("1831", TICK + 60),
        ("20261122T183000Z-s", TICK),
    ],
)
def test_a_run_is_named_by_its_place_from_the_newest_or_by_a_part_of_its_id(
    named: str | None, tick: int
) -> None:
    assert chosen_run(SOME, named).tick == tick


def test_a_run_that_was_skipped_stands_behind_the_one_under_way_that_was_in_its_way() -> None:
    skipped = a_run(TICK + 180, state=RunState.skipped, took=None)
    some = runs(skipped, a_run(TICK), open_at=TICK + 120)
    assert chosen_run(some, None).tick == TICK + 120
    assert chosen_run(some, "-1") is skipped
    assert chosen_run(runs(skipped, a_run(TICK)), None) is skipped


def test_a_whole_id_goes_before_one_that_contains_it() -> None:
    on_nodes = [a_run(TICK, run_id=f"20261122T183000Z-s@node-{n}") for n in (1, 10)]
    assert chosen_run(runs(*on_nodes), "20261122T183000Z-s@node-1") is on_nodes[0]


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ("20261122", "has no run '20261122': it may be any of 20261122T183200Z-s, 2026"),
        ("-4", "has no run '-4': etcd knows 20261122T183200Z-s"),
        ("-0", "has no run '-0'"),
        ("yesterday", "has no run 'yesterday'"),
    ],
)
def test_what_names_no_run_or_several_is_told_with_those_that_there_are(
    named: str, words: str
) -> None:
    with pytest.raises(NoSuchRun) as refused:
        chosen_run(SOME, named)
    assert words in str(refused.value)


def test_a_job_that_never_ran_has_none_to_show() -> None:
    with pytest.raises(NoSuchRun, match="backup has no run to show: etcd keeps none"):
        chosen_run(runs(), None)
