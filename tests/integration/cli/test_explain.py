"""`explain` against a real etcd."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.integration.cli.conftest import CommandLine

pytestmark = pytest.mark.usefixtures("fleet")


async def test_the_last_and_the_next_tick_are_explained(crony_ops: CommandLine) -> None:
    found = json.loads((await crony_ops("explain", "report", "-o", "json")).out)
    last, following = found["ticks"]
    assert following["tick"] - last["tick"] == 300
    assert following["findings"][0]["says"].startswith("it is to run on web-1 in ")
    assert {node["node"]: node["may"] for node in found["nodes"]} == {
        "web-1": True,
        "web-2": False,
        "db-1": False,
    }
    out = (await crony_ops("explain", "report")).out
    assert "holder    web-1 since 16 m, epoch " in out
    assert "queue     20261122T184000Z-r1: lost with db-1" in out


async def test_a_run_may_be_asked_for_by_its_id(crony_ops: CommandLine) -> None:
    out = (await crony_ops("explain", "report", "--at", "20261122T184000Z-s")).out
    assert "verdict   report succeeded on web-1 in 2.0 s" in out


async def test_a_job_without_a_node_says_what_each_lacks(crony_ops: CommandLine) -> None:
    out = (await crony_ops("explain", "etl-nightly")).out
    assert "it will not run as things stand: no node that is up is in group etl" in out
    assert out.count("it is not in group etl") == 2


async def test_what_names_no_time_is_refused(crony_ops: CommandLine) -> None:
    ended = await crony_ops("explain", "report", "--at", "then", status=2)
    assert ended.err.startswith("crony-ops: --at 'then' is no time (2026-12-01T02:30)")
    assert "no job" in (await crony_ops("explain", "reprot", status=2)).err
