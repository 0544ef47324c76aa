"""Who is told that another watcher leads."""

from __future__ import annotations

import pytest

from crony_ops.model.cluster import Leader
from crony_ops.watcher.leadership import took_over

NOW = 1_800_000_000.0


@pytest.mark.parametrize(("before", "told"), [(None, False), ("w1", False), ("w2", True)])
def test_a_watcher_that_takes_over_from_another_is_told_of(before: str | None, told: bool) -> None:
    led = Leader(id=before, since=NOW - 9) if before else None
    alerts = took_over(Leader(id="w1", since=NOW), led, lease=0xA1)
    assert [alert.title for alert in alerts] == ["watcher w1 took over"] * told
    assert [alert.id for alert in alerts] == ["watcher-took-over.w1.a1.1800000000"] * told
