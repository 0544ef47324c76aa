"""Planted errors in what is queued: re-runs that are owed, and runs that were dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crony_ops.model.run import QueuedRun, tick_run_id
from tests.faults.proof.history import Kind
from tests.unit.proof import losses, sound
from tests.unit.proof.planted import Planted, plant
from tests.unit.proof.story import Story, T

if TYPE_CHECKING:
    from tests.faults.proof.history import Write

REPEATED = "what is lost is run again"
CLAIMED = "what is queued is claimed"


def _without(story: Story, left_out: Write) -> None:
    """As if that had not been part of its request."""
    story.writes.remove(left_out)
    story.there.pop(left_out.key)


@plant
def a_lost_run_that_is_not_repeated() -> Planted:
    story, rerun = sound.node_killed(on_node_loss="rerun")
    assert rerun is not None
    _without(story, story.last(story.keys.queued("j", rerun.run_id)))
    story.register("node-1")
    told = story.last(story.keys.run("j", tick_run_id(T + 2)))
    opened = next(w for w in story.writes if w.key.endswith(f"/{tick_run_id(T + 2)}"))
    return Planted(story.history(), REPEATED, [opened, told])


@plant
def a_lost_rerun_that_is_not_repeated() -> Planted:
    """Its node's next life tells of it: the second of the three that are promised is owed."""
    story, rerun = sound.node_killed(on_node_loss="rerun")
    assert rerun is not None
    story.until(11.5)
    sound.catch_up(story, 7, 11)
    run = story.claim_queued("j", rerun, "node-2")
    story.act("start", run, "node-2")
    story.fault(Kind.kill, "node-2", lasts=0.5)
    story.wait(0.6)
    story.register("node-2")
    told = story.end(run, "lost", reason="its agent was restarted, and nobody saw its end")
    story.register("node-1")
    return Planted(story.history(), REPEATED, [story.opened(run), told])


@plant
def a_rerun_that_was_dropped() -> Planted:
    story, rerun = sound.node_killed(on_node_loss="rerun")
    assert rerun is not None
    queued = story.there[story.keys.queued("j", rerun.run_id)]
    gone = story.write((queued.key, None, 0))[0]
    story.register("node-1")
    return Planted(story.history(), CLAIMED, [queued, gone])


@plant
def a_made_up_tick_that_was_dropped() -> Planted:
    story = sound.quiet(2)
    story.until(5.2)
    story.fault(Kind.delay, "etcd-1")
    run = QueuedRun(run_id=tick_run_id(T + 5), tick=T + 5, reason="made up")
    losses.missed(story, "j", "node-1", T + 3, T + 4, 2, run)
    queued = story.there[story.keys.queued("j", run.run_id)]
    story.wait(0.1)
    gone = story.write((queued.key, None, 0))[0]
    story.ran("j", T + 6, "node-1")
    return Planted(story.history(), CLAIMED, [queued, gone])


@plant
def a_queued_run_that_is_dropped_with_a_reset_and_does_not_come_again() -> Planted:
    story = sound.quiet(2)
    story.until(5.2)
    story.fault(Kind.delay, "etcd-1")
    run = QueuedRun(run_id=tick_run_id(T + 5), tick=T + 5, reason="made up")
    losses.missed(story, "j", "node-1", T + 3, T + 4, 2, run)
    queued = story.there[story.keys.queued("j", run.run_id)]
    story.fault(Kind.reset_cursor, "j", lasts=0.4)
    losses.reset(story, "j", "node-1", T + 5, run)
    gone = story.last(queued.key)
    story.ran("j", T + 6, "node-1")
    return Planted(story.history(), CLAIMED, [queued, gone])
