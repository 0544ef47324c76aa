"""`jobs`, `nodes` and `next` against a real etcd."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.cli.conftest import CommandLine

pytestmark = pytest.mark.usefixtures("fleet")


async def document(crony_ops: CommandLine, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((await crony_ops(*arguments, "-o", "json")).out)
    return found


@pytest.mark.parametrize(
    ("state", "jobs"),
    [
        ("failing", ["db-backup"]),
        ("paused", ["resting"]),
        ("unassigned", ["etl-nightly", "old-shell"]),
        ("running", ["report"]),
    ],
)
async def test_jobs_are_listed_by_state(
    crony_ops: CommandLine, state: str, jobs: list[str]
) -> None:
    found = await document(crony_ops, "jobs", "--state", state)
    assert [row["job"] for row in found["jobs"]] == jobs


async def test_filters_go_together(crony_ops: CommandLine) -> None:
    held = ("jobs", "--node", "web-1", "--state", "failing", "--state", "running")
    found = await document(crony_ops, *held)
    assert [row["job"] for row in found["jobs"]] == ["db-backup", "report"]
    assert [
        row["job"] for row in (await document(crony_ops, "jobs", "--group", "etl"))["jobs"]
    ] == ["etl-nightly"]
    assert (await crony_ops("jobs", "--label", "team=data")).out == "no job\n"
    assert "needs no filter" in (await crony_ops("jobs", "report", "--label", "x", status=2)).err


async def test_a_listed_job_tells_its_last_run_and_where_it_is_written(
    crony_ops: CommandLine,
) -> None:
    rows = {row["job"]: row for row in (await document(crony_ops, "jobs"))["jobs"]}
    assert rows["report"]["last"]["run_id"] == "20261122T184000Z-s"
    assert rows["report"]["last"]["state"] == "succeeded"
    assert (rows["report"]["file"], rows["report"]["line"]) == ("jobs/all.yaml", 12)
    assert rows["resting"]["next"] is None
    assert rows["warm-cache"]["last"] is None


async def test_the_story_of_a_job_is_whole(crony_ops: CommandLine) -> None:
    story = await document(crony_ops, "jobs", "report")
    assert story["spec"]["job"]["shell"] == "run report"
    assert [holder["node"] for holder in story["holders"]] == ["web-1"]
    assert [run["run_id"] for run in story["queue"]] == ["20261122T184000Z-r1"]
    assert [run["run_id"] for run in story["open"]] == ["20261122T184500Z-s"]
    assert [run["run_id"] for run in story["runs"]] == ["20261122T184000Z-s", "20261122T183500Z-s"]
    assert story["ordered"] is None
    out = (await crony_ops("jobs", "report")).out
    assert "20261122T184000Z-s is done" in out


async def test_an_unknown_job_names_the_nearest(crony_ops: CommandLine) -> None:
    ended = await crony_ops("jobs", "db-bakup", status=2)
    assert ended.err == "crony-ops: there is no job 'db-bakup' (nearest: db-backup)\n"


async def test_nodes_are_listed_with_the_lost_ones(crony_ops: CommandLine) -> None:
    found = await document(crony_ops, "nodes")
    assert [node["state"] for node in found["nodes"]] == ["up", "cordoned", "lost"]


@pytest.mark.parametrize("name", ["web-1", "u-web-1"])
async def test_one_node_tells_what_it_holds(crony_ops: CommandLine, name: str) -> None:
    found = await document(crony_ops, "nodes", name)
    assert found["jobs"] == ["db-backup", "report", "resting"]
    assert [run["job_id"] for run in found["open"]] == ["report"]
    assert "py-etl" in (await crony_ops("nodes", name)).out


async def test_next_is_in_the_order_of_time_and_leaves_paused_jobs_out(
    crony_ops: CommandLine,
) -> None:
    found = await document(crony_ops, "next", "--for", "1d")
    times = [firing["at"] for firing in found["next"]]
    assert times == sorted(times)
    assert "resting" not in {firing["job"] for firing in found["next"]}
    notes = {firing["job"]: firing["note"] for firing in found["next"]}
    assert notes["report"] == ""
    assert "group etl" in notes["etl-nightly"]


async def test_a_named_job_shows_its_next_ticks_in_its_zone(crony_ops: CommandLine) -> None:
    found = await document(crony_ops, "next", "db-backup", "--count", "3")
    assert len(found["next"]) == 3
    assert all(firing["when"].endswith("02:30:00+08:00") for firing in found["next"])
