"""Which open runs are meant, and what is said when none or too many are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crony_ops.cli.kill import NodeLost, NoSuchRun, WhichRun, choose
from crony_ops.cli.view.lookup import UnknownName
from crony_ops.model.run import OpenRun
from tests.unit.cli.views import KEYS, example_view

if TYPE_CHECKING:
    from crony_ops.errors import CronyError

REPORT = "20261122T184500Z-s"
EARLIER, LATER = "20261122T020000Z-s", "20261122T030000Z-s"


def opened(node: str, job_id: str, run_id: str) -> dict[str, OpenRun]:
    run = OpenRun(run_id=run_id, job_id=job_id, tick=1, node=node, incarnation=1)
    return {KEYS.open(node, job_id, run_id): run}


TWO = opened("u-web-1", "resting", EARLIER) | opened("u-web-2", "resting", LATER)
LOST = opened("u-db-1", "old-shell", EARLIER)


@pytest.mark.parametrize(
    ("job", "runs", "nodes", "chosen"),
    [
        pytest.param("report", (), (), [REPORT], id="the only one"),
        pytest.param("resting", (LATER,), (), [LATER], id="by its id"),
        pytest.param("resting", (), ("u-web-1",), [EARLIER], id="by its node"),
        pytest.param("resting", (EARLIER, LATER), (), [EARLIER, LATER], id="both"),
    ],
)
def test_runs_are_chosen(
    job: str, runs: tuple[str, ...], nodes: tuple[str, ...], chosen: list[str]
) -> None:
    found = choose(example_view(also=TWO), job, runs, nodes)
    assert [run.run_id for run in found] == chosen


@pytest.mark.parametrize(
    ("job", "runs", "nodes", "error", "words"),
    [
        pytest.param("repot", (), (), UnknownName, "nearest: report", id="no such job"),
        pytest.param(
            "warm-cache", (), (), NoSuchRun, "warm-cache has no open run", id="nothing is open"
        ),
        pytest.param("report", (LATER,), (), NoSuchRun, f"but {REPORT} on web-1", id="not it"),
        pytest.param("report", (), ("u-web-2",), NoSuchRun, "on web-1", id="not there"),
        pytest.param("resting", (EARLIER,), ("u-web-2",), NoSuchRun, LATER, id="not it there"),
        pytest.param("resting", (), (), WhichRun, "2 open runs: ", id="too many"),
        pytest.param("old-shell", (), (), NodeLost, "db-1 is lost", id="its node is lost"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_what_there_is_is_named(
    job: str,
    runs: tuple[str, ...],
    nodes: tuple[str, ...],
    error: type[CronyError],
    words: str,
) -> None:
    with pytest.raises(error, match=words):
        choose(example_view(also=TWO | LOST), job, runs, nodes)
