"""What a node remembers of its claims beside etcd's cursor, across days with a wrong clock."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from crony_ops.model.job import Job
from crony_ops.model.spec import Assignment, Cursor
from crony_ops.node.journal import Journal
from crony_ops.node.metrics import NodeMetrics
from crony_ops.node.ticks import claiming
from crony_ops.node.ticks.claiming import Claiming
from crony_ops.node.ticks.holding import Holding
from crony_ops.store import Batcher, Mirror
from tests.integration.store.conftest import running

if TYPE_CHECKING:
    from pathlib import Path

    from crony_ops.store import Etcd
    from crony_ops.store.keys import Keys

NOW = 1_795_392_000
HOUR = 3600


@pytest.mark.parametrize("restarted", [False, True])
async def test_when_the_time_has_come_to_which_a_wrong_clock_had_claimed_no_tick_is_passed_over(
    etcd: Etcd, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, restarted: bool
) -> None:
    def given(job_id: str) -> Holding:
        job = Job.model_validate({"schedule": "* * * * * *", "shell": "x"})
        value = Assignment(job=job, sha256="", spec_revision=1).to_json()
        return Holding.read(job_id, keys.job("u", job_id), value, 1, keys, "u")

    def agent() -> Claiming:
        mirror = Mirror(etcd, [keys.jobs])
        return Claiming(batcher, mirror, journal, NodeMetrics(), lambda: None)

    def it_is(now: float) -> None:
        clock = SimpleNamespace(time=lambda: now, monotonic=time.monotonic)
        monkeypatch.setattr(claiming, "time", clock)

    journal, batcher = Journal(tmp_path), Batcher(etcd)
    first, second, it = given("first"), given("second"), agent()
    it_is(NOW + HOUR)
    it.moved_to(first, NOW + HOUR + 1, 2)
    it.moved_to(second, NOW + HOUR + 1, 2)
    it_is(NOW)  # the clock is right again, and people put the cursors right
    it.moved_to(first, NOW + 1, 4)
    if restarted:
        it = agent()
    it_is(NOW + HOUR + 2)
    async with running(batcher.run()):
        for holding in (first, second):
            await etcd.put(holding.cursor_key, Cursor(tick=NOW + HOUR - 60).to_json())
            await it.read_cursor(holding)
            assert holding.cursor == NOW + HOUR - 60
        it.moved_to(first, NOW + HOUR - 10, 9)
        await it.read_cursor(first)
        assert first.cursor == NOW + HOUR - 10  # the cursor is an older etcd's
    journal.close()
