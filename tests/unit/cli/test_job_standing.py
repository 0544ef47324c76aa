"""Why a job has no node, in words."""

from __future__ import annotations

import pytest

from crony_ops.cli.view.job_standing import State, standings, why_no_node
from crony_ops.model.cluster import Leader
from crony_ops.model.node import Pause
from tests.integration.cli.example_fleet import assigned, example_fleet, spec
from tests.unit.cli.views import KEYS, NOW, example_view


def test_a_job_held_by_a_living_node_has_one() -> None:
    assert why_no_node(example_view(), "report", NOW) == ""


@pytest.mark.parametrize(
    ("without", "words"),
    [
        pytest.param((), "a shell job that names no preset stays with its node", id="shell"),
        pytest.param((KEYS.leader,), "and no watcher leads", id="nobody to move it"),
    ],
)
def test_a_job_on_a_lost_node_says_why_it_stays(without: tuple[str, ...], words: str) -> None:
    reason = why_no_node(example_view(without=without), "old-shell", NOW)
    assert reason.startswith("db-1 was lost 3 m ago")
    assert reason.endswith(words)


def test_a_watcher_that_was_told_so_moves_a_shell_job_without_presets() -> None:
    told = Leader(id="w1", since=NOW, cmd_auto_allocation=True)
    reason = why_no_node(example_view(also={KEYS.leader: told}), "old-shell", NOW)
    assert reason.endswith("and the watcher is about to move the job")


def test_a_pinned_job_waits_for_its_node() -> None:
    pinned = spec("pinned", run_on={"node": "db-1"})
    view = example_view(
        also={KEYS.spec("pinned"): pinned, KEYS.job("u-db-1", "pinned"): assigned(pinned, NOW)}
    )
    assert why_no_node(view, "pinned", NOW).endswith("and the job is pinned to it")


def test_a_job_on_every_node_needs_one_that_lives() -> None:
    every = spec("every", run_on={"every": True})
    held = {KEYS.job(node, "every"): assigned(every, NOW) for node in ("u-db-1", "u-web-1")}
    view = example_view(also={KEYS.spec("every"): every, **held})
    assert why_no_node(view, "every", NOW) == ""


def test_a_job_that_could_be_placed_waits_for_a_watcher() -> None:
    view = example_view(without=(KEYS.leader, KEYS.job("u-web-1", "report")))
    assert why_no_node(view, "report", NOW) == "no watcher leads: nobody gives it a node"


def test_a_node_whose_clock_is_wrong_is_no_place_for_a_job() -> None:
    records = example_fleet(KEYS, NOW)
    web_1 = records[KEYS.roster("u-web-1")].model_copy(update={"clock_offset": 5.0})
    view = example_view(
        without=(KEYS.job("u-web-1", "report"),), also={KEYS.roster("u-web-1"): web_1}
    )
    assert "web-1" in why_no_node(view, "report", NOW)
    assert "not placed it yet" not in why_no_node(view, "report", NOW)


def test_a_pause_goes_before_every_other_state() -> None:
    pause = Pause(who="bob@ops", at=NOW - 60, why="no database")
    found = standings(example_view(also={KEYS.pause("db-backup"): pause}), NOW)["db-backup"]
    assert (found.state, found.reason) == (State.paused, "by bob@ops, 1 m ago: no database")


def test_a_failing_job_tells_its_last_failure() -> None:
    found = standings(example_view(), NOW)["db-backup"]
    assert found.state is State.failing
    assert found.reason == "3 in a row for 1 h: exit 1: pg_dump: connection refused"
