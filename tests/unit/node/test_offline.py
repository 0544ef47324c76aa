"""What the journal takes while etcd is away, it takes once."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, cast

from crony_ops.node.journal import Journal
from crony_ops.node.metrics import NodeMetrics
from crony_ops.node.ticks.claims import Claimant
from crony_ops.node.ticks.holding import Holding
from crony_ops.node.ticks.offline import Offline
from crony_ops.node.ticks.timetable import Timetable
from tests.unit.watcher.picture import Picture, http_job

if TYPE_CHECKING:
    from pathlib import Path

    from crony_ops.node.runs.active_run import Start


class Launched:
    """Stands where runs are started."""

    def __init__(self) -> None:
        self.ticks: list[int] = []

    def launch(self, start: Start) -> None:
        self.ticks.append(start.run.tick)


def assigned(picture: Picture, url: str) -> Holding:
    """As a node holds the job after this edit of it."""
    job = http_job(schedule="* * * * * *", run_on={"node": "a"}, http={"url": url})
    picture.want("j", job)
    picture.look(time.time())
    entry = picture.etcd.get(picture.keys.job("u-a", "j"))
    assert entry is not None
    return Holding.read("j", entry.key, entry.value, entry.mod_revision, picture.keys, "u-a")


async def test_a_tick_that_was_taken_is_not_taken_again_under_a_later_assignment(
    tmp_path: Path,
) -> None:
    picture, launched, journal = Picture(), Launched(), Journal(tmp_path)
    picture.node_up("a", 1)
    earlier, later = (assigned(picture, f"http://{name}.test/") for name in ("one", "two"))
    assert earlier.revision < later.revision
    nothing: Any = None
    offline = Offline(
        nothing,
        nothing,
        journal,
        cast("Any", launched),
        nothing,
        Timetable(),
        NodeMetrics(),
        me=Claimant(picture.keys, "u-a", "a", 1),
        claimant=lambda: None,
        claim_ahead=1.0,
        on_change=lambda: None,
    )
    tick = int(time.time()) + 1
    earlier.cursor = later.cursor = tick - 1  # the later one's was read before the tick was taken
    offline.begin(earlier, tick)
    offline.begin(later, tick)
    later.cursor = tick - 1
    while later.cursor <= tick:
        await offline.advance(later)
    assert launched.ticks.count(tick) == 1
    journal.close()
