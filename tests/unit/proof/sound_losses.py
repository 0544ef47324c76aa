"""Sound histories of runs that are lost, fail or are repeated, near the borders of the rules."""

from __future__ import annotations

from typing import Any

from crony_ops.model.alert import Cause
from crony_ops.model.cluster import Health, Told
from crony_ops.model.run import QueuedRun, tick_run_id
from tests.faults.proof.history import Kind
from tests.unit.proof import losses, sound
from tests.unit.proof.planted import held_by
from tests.unit.proof.story import Story, T


def lost_three_times() -> Story:
    """What repeats a run is lost as often as it is repeated; the last one is owed no more."""
    story, rerun = sound.node_killed(on_node_loss="rerun")
    for number in (1, 2, 3):
        assert rerun is not None
        story.until(8.5 + 3 * number)
        sound.catch_up(story, 4 + 3 * number, 6 + 3 * number)
        run = story.claim_queued("j", rerun, "node-2")
        story.fault(Kind.kill, "node-2", lasts=0.5)
        story.wait(0.6)
        story.register("node-2")
        rerun = losses.unseen(story, run, "node-2")
    assert rerun is None
    story.register("node-1")
    return story


def removed_with_what_was_queued() -> Story:
    """Nobody wants it any more: what is queued goes with the job."""
    story, rerun = sound.node_killed(on_node_loss="rerun")
    assert rerun is not None
    story.register("node-1")
    story.remove("j")
    story.wait(0.1)
    story.tidy("j", "node-2", (story.keys.queued("j", rerun.run_id), None, 0))
    return story


def asleep_beside_its_rerun() -> Story:
    """node-1 is frozen while node-2 repeats its run. It wakes, sleeps again before it has ended its
    own, and ends that when it has been awake for some seconds."""
    story = sound.begun(on_node_loss="rerun", shell="sleep 60", schedule="*/30 * * * * *")
    run = story.begin("j", T + 30, "node-1")
    story.until(31)
    story.fault(Kind.freeze, "node-1", lasts=11)
    _, rerun = sound.moved_with_its_run(story, run)
    story.until(40)
    story.carry_out(story.claim_queued("j", rerun, "node-2"), "node-2")
    story.until(44)
    story.fault(Kind.freeze, "node-1", lasts=4)
    story.until(52)
    story.act("end", run, "node-1")
    story.register("node-1")
    reason = "this node's lease ran out"
    losses.overruled(story, story.record(run, "fenced", reason=reason))
    return story


def tried_again_by_its_next_life() -> Story:
    """Its agent was killed between two attempts, the second of which is the last."""
    story = sound.begun(retries={"count": 1, "delay": 1}, schedule="*/10 * * * * *")
    run = story.begin("j", T + 10, "node-1")
    story.act("end", run, "node-1")
    story.fault(Kind.kill, "node-1", lasts=0.3)
    story.wait(0.5)
    story.register("node-1")
    story.wait(0.5)
    story.act("start", run, "node-1", attempt=2)
    story.act("end", run, "node-1", attempt=2)
    story.end(run)
    return story


def a_run_that_outlived_its_node() -> Story:
    """A pinned job's: its node was lost, comes back to it, and follows it to its end; the tick that
    comes due meanwhile is skipped. The next one runs."""
    once: dict[str, Any] = {"run_on": {"node": "node-1"}, "concurrency": "forbid"}
    story = sound.begun(schedule="*/10 * * * * *", shell="sleep 15", **once)
    story.until(9.4)
    story.ran("j", T + 10, "node-1")
    first = story.begin("j", T + 20, "node-1")
    story.until(21)
    lost = losses.dead(story)
    losses.lost(story, first, "node-1")
    losses.heard(story, first)
    losses.close(story, lost, losses.alert(story, Cause.node_lost, "node-1"))
    story.until(26.5)
    story.register("node-1")
    story.until(29.4)
    second = story.claim("j", T + 30, "node-1")
    story.until(30)
    story.end(second, "skipped", reason=f"{first.run_id} was still running")
    story.until(36)
    story.act("end", first, "node-1")
    losses.overruled(story, story.record(first))
    story.until(39.4)
    story.ran("j", T + 40, "node-1")
    return story


def late_and_beyond_its_grace() -> Story:
    """The machine kept the agent from it for longer than its job allows for."""
    story = sound.begun(
        schedule="*/10 * * * * *", splay=0, misfire={"policy": "latest", "grace": 5}
    )
    story.until(9.4)
    run = story.claim("j", T + 10, "node-1")
    story.until(15.05)
    story.end(run, "skipped", reason="5 s late, beyond its grace of 5 s")
    story.until(15.4)
    return story


def failed_for_less_than_people_wait_for() -> Story:
    """Two failures of three, then a third, of which it is noted that people know."""
    story = sound.begun(notify={"after": 3})
    for tick in (1, 2, 3):
        known = {"failure": Told(since=T + tick, at=T + tick)} if tick == 3 else {}
        told = losses.alert(story, Cause.failure, tick_run_id(T + tick), job="j")
        health = Health(consecutive_failures=tick, told=known)
        losses.failed(story, tick, health, *([told] if known else []))
    return story


def waited_for_less_after_an_edit() -> Story:
    """It had failed twice by then; the next failure tells."""
    story = sound.begun(notify={"after": 3})
    for tick in (1, 2):
        losses.failed(story, tick, Health(consecutive_failures=tick))
    story.want("j", notify={"after": 2})
    story.assign("j", "node-1", anew=False)
    health = Health(consecutive_failures=2, missed=1)
    story.write((story.keys.health("j"), health, 0))
    return story


def begun_beside_the_run_after_it() -> Story:
    """node-1 was frozen when it was about to start; on waking it does, beside the next run, which
    its job's next node had begun meanwhile."""
    story = sound.begun(schedule="*/10 * * * * *", shell="sleep 5")
    story.until(9.4)
    story.ran("j", T + 10, "node-1")
    story.until(19.4)
    first = story.claim("j", T + 20, "node-1")
    story.until(20)
    story.fault(Kind.freeze, "node-1", lasts=12)
    story.until(23.4)
    story.lapse("node-1")
    _, lost = losses.declare_lost(story, "node-1")
    losses.move(story, "j", "node-1", "node-2")
    losses.lost(story, first, "node-1")
    losses.heard(story, first)
    losses.close(story, lost, losses.alert(story, Cause.node_lost, "node-1"))
    second = story.begin("j", T + 30, "node-2")
    story.until(32.1)
    story.act("start", first, "node-1")
    story.until(35)
    story.act("end", second, "node-2")
    story.end(second)
    story.until(37.1)
    story.act("end", first, "node-1")
    losses.overruled(story, story.record(first))
    story.register("node-1")
    return story


def made_up_by_two_clocks() -> Story:
    """A clock that is an hour ahead has a tick made up on node-1; its cursor is reset, the job goes
    to node-2, and there another such clock has that very tick made up once more."""
    story = sound.begun(schedule="0 * * * * *")
    story.write((story.keys.once("j"), b"", 0x55))
    asked = f"{tick_run_id(T)[:-1]}o{story.writes[-1].revision}"
    story.carry_out(story.claim_once("j", asked, "node-1"), "node-1")
    for name, at in (("node-1", 1.4), ("node-2", 21.4)):
        story.until(at)
        ahead = QueuedRun(run_id=tick_run_id(T + 3600), tick=T + 3600, reason="made up")
        story.fault(Kind.clock, name, lasts=1, offset="3600")
        losses.missed(story, "j", name, T + 60, T + 3540, 59, ahead)
        run = story.claim_queued("j", ahead, name)
        story.act("start", run, name)
        story.wait(0.1)
        story.act("end", run, name)
        story.end(run, ended_at=story.now + 3600)
        story.wait(4)
        story.fault(Kind.reset_cursor, "j", lasts=0.4)
        losses.reset(story, "j", name, int(story.now))
        if name == "node-1":
            left = (held_by(story), None, 0)
            story.assign("j", "node-2", left, anew=False, moved_from=story.uuid("node-1"))
    return story


def skipped_by_a_node_that_stalls() -> Story:
    """The run of second 1 is over, and its agent gets round to seeing it 1.2 s later."""
    story = sound.begun(shell="sleep 0.5")
    first = story.begin("j", T + 1, "node-1")
    story.fault(Kind.stall, "node-1", lasts=1.3)
    second = story.claim("j", T + 2, "node-1")
    story.until(1.5)
    story.act("end", first, "node-1")
    ended_at = story.now
    story.until(2.7)
    story.end(second, "skipped", reason=f"{first.run_id} was still running")
    story.end(first, ended_at=ended_at)
    return story


def moved_long_after_an_edit() -> Story:
    """To a node that had the job before; the node in between took the edit at once."""
    story = sound.begun(name="node-2")
    story.ran("j", T + 1, "node-2")
    story.want("j", schedule="@yearly")
    story.assign("j", "node-2")
    story.wait(1)
    left = (held_by(story, "node-2"), None, 0)
    story.assign("j", "node-1", left, anew=False, moved_from=story.uuid("node-2"))
    story.wait(1)
    story.want("j", schedule="@yearly", timeout=5)
    story.assign("j", "node-1", anew=False)
    story.until(100)
    story.write((story.keys.rebalance, b"{}", 0))
    left = (held_by(story, "node-1"), None, 0)
    story.assign("j", "node-2", left, anew=False, moved_from=story.uuid("node-1"))
    story.write((story.keys.rebalance, None, 0))
    return story
