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
async def test_a_cursor_that_was_put_right_is_believed_when_the_time_has_come_that_was_wrong(
    etcd: Etcd, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, restarted: bool
) -> None:
    job = Job.model_validate({"schedule": "* * * * * *", "shell": "x"})
    assignment = Assignment(job=job, sha256="", spec_revision=1)
    holding = Holding.read("j", keys.job("u", "j"), assignment.to_json(), 1, keys, "u")
    journal, batcher = Journal(tmp_path), Batcher(etcd)

    def agent() -> Claiming:
        mirror = Mirror(etcd, [keys.jobs])
        return Claiming(batcher, mirror, journal, NodeMetrics(), lambda: None)

    it = agent()
    it.moved_to(holding, NOW + HOUR, 2)  # by a clock that was an hour ahead
    it.moved_to(holding, NOW + 1, 4)  # people had put the cursor right
    if restarted:
        it = agent()
    await etcd.put(holding.cursor_key, Cursor(tick=NOW + HOUR - 60).to_json())
    clock = SimpleNamespace(time=lambda: NOW + HOUR + 1.0, monotonic=time.monotonic)
    monkeypatch.setattr(claiming, "time", clock)
    async with running(batcher.run()):
        await it.read_cursor(holding)
    assert holding.cursor == NOW + HOUR - 60
    journal.close()
