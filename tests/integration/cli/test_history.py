"""`history` against a real etcd."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from crony_ops.model.run import GapRecord, RunRecord, RunState
from tests.integration.cli.example_fleet import put_all
from tests.unit.cli.runs import a_gap, a_run, under_way

if TYPE_CHECKING:
    from crony_ops.store import Etcd
    from crony_ops.store.keys import Keys
    from tests.integration.cli.conftest import CommandLine

TICKS = (1_795_372_200, 1_795_372_260, 1_795_372_320)


async def test_runs_and_gaps_show_with_what_they_add_up_to(
    crony_ops: CommandLine, etcd: Etcd, keys: Keys
) -> None:
    records: list[RunRecord | GapRecord] = [
        a_run(TICKS[0], took=0.5),
        a_gap(TICKS[1], TICKS[1] + 30, 2, "nobody was there"),
        a_run(TICKS[2], RunState.failed, 2.0, reason="exit 3", epoch=41, incarnation=7),
    ]
    await put_all(etcd, {keys.run("backup", record.run_id): record for record in records})
    running = under_way(TICKS[2] + 60)
    await put_all(etcd, {keys.open("u1", "backup", running.run_id): running})

    found = json.loads((await crony_ops("history", "backup", "-o", "json")).out)
    assert [row["state"] for row in found["runs"]] == ["running", "failed", "missed", "succeeded"]
    claims = [(row["epoch"], row["incarnation"]) for row in found["runs"]]
    assert claims == [(None, 7), (41, 7), (None, None), (None, None)]
    assert found["statistics"]["success_rate"] == 0.5
    assert found["statistics"]["took"] == [0.5, 2.0]
    out = (await crony_ops("history", "backup")).out
    assert "of the last 2 runs: 1 succeeded (50%), 1 did not, 2 ticks missed" in out
    assert "▃█  p50 500 ms, p95 2.0 s, longest 2.0 s" in out
    newest = (await crony_ops("history", "backup", "-n", "1")).out
    assert "of the last run: 0 succeeded (0%), 1 did not" in newest


async def test_a_record_that_cannot_be_read_is_named_and_passed_over(
    crony_ops: CommandLine, etcd: Etcd, keys: Keys
) -> None:
    key = keys.run("backup", a_run(TICKS[1]).run_id)
    await put_all(etcd, {keys.run("backup", a_run(TICKS[0]).run_id): a_run(TICKS[0])})
    await etcd.put(key, b"{")
    ended = await crony_ops("history", "backup")
    assert ended.err == f"{key} can't be read\n"
    assert "of the last run: 1 succeeded (100%)" in ended.out


@pytest.mark.usefixtures("fleet")
async def test_a_job_that_never_was_names_the_nearest(crony_ops: CommandLine) -> None:
    ended = await crony_ops("history", "db-bakup", status=2)
    assert ended.err == "crony-ops: there is no job 'db-bakup' (nearest: db-backup)\n"
    assert "nothing has ended yet" in (await crony_ops("history", "db-backup")).out
