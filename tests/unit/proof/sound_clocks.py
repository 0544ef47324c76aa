"""Sound histories of clocks that were wrong, and of cursors that people put right."""

from __future__ import annotations

from typing import Any

from crony_ops.model.cluster import Leader
from crony_ops.model.run import QueuedRun, tick_run_id
from crony_ops.model.spec import Cursor
from crony_ops.node.runs.past import RAN_BEFORE
from tests.faults.proof.history import Kind
from tests.unit.proof import losses, sound
from tests.unit.proof.story import Story, T


def ahead() -> Story:
    """node-1's clock is two seconds ahead when it writes down when a run ended."""
    story = sound.quiet(1)
    run = story.begin("j", T + 2, "node-1")
    story.until(2.2)
    story.act("end", run, "node-1")
    story.end(run, ended_at=story.now + 2)
    story.until(2.4)
    story.ran("j", T + 3, "node-1")
    return story


def ahead_by_an_hour() -> Story:
    """… and an hour ahead; and that the run was killed before the next began is told late."""
    story = sound.begun()
    run = story.claim("j", T + 1, "node-1")
    story.until(1.02)
    story.act("start", run, "node-1")
    story.fault(Kind.clock, "node-1", lasts=0.9, offset="3600")
    story.wait(0.1)
    order = losses.kill_order(story, run)
    story.wait(0.1)
    killed_at = story.now + 3600
    story.until(1.4)
    story.ran("j", T + 2, "node-1", lasts=0.1)
    story.ran("j", T + 3, "node-1", lasts=0.1)
    story.ran("j", T + 4, "node-1", lasts=0.1)
    story.end(run, "killed", reason="killed by ann", ended_at=killed_at)
    story.write((order.key, None, 0))
    return story


def ahead_before_the_recorder_heard_of_the_claim() -> Story:
    """… when the clock is right again. The end by that clock is no sign of how long it ran."""
    story = sound.begun(concurrency="forbid", schedule="*/10 * * * * *", shell="sleep 60")
    story.until(9.4)
    run = story.open_run("j", T + 10, "node-1")
    story.fault(Kind.delay, "etcd-1", lasts=5)
    story.until(10.02)
    story.act("start", run, "node-1")
    story.until(11)
    story.fault(Kind.clock, "node-1", lasts=1, offset="3600")
    story.until(14.2)
    story.write((story.open_key(run), run, 0), (story.keys.cursor("j"), Cursor(tick=T + 10), 0))
    order = losses.kill_order(story, run)
    story.wait(0.1)
    story.end(run, "killed", reason="killed by ann", ended_at=T + 11.5 + 3600)
    story.write((order.key, None, 0))
    story.until(19.4)
    story.ran("j", T + 20, "node-1")
    return story


def claimed_by_a_clock_that_was_ahead_and_held_up() -> Story:
    """It arrives, and starts, when the clock has been right for twenty seconds."""
    story = sound.begun(schedule="0 * * * * *")
    story.until(8.4)
    story.fault(Kind.clock, "node-1", lasts=2, offset="50.8")
    run = story.open_run("j", T + 60, "node-1", claimed_at=story.now + 50.8)
    story.until(30.4)
    story.write((story.open_key(run), run, 0), (story.keys.cursor("j"), Cursor(tick=T + 60), 0))
    story.act("start", run, "node-1")
    story.act("end", run, "node-1")
    story.end(run)
    return story


def open_for_an_hour_to_come() -> Story:
    """A tick that was claimed by a clock that was an hour ahead starts when its time comes."""
    story = sound.quiet(1)
    story.fault(Kind.clock, "node-1", lasts=1, offset="3600")
    losses.missed(story, "j", "node-1", T + 2, T + 3602, 3601)
    story.claim("j", T + 3603, "node-1", claimed_at=T + 3602.2)
    story.until(5.1)
    story.fault(Kind.reset_cursor, "j", lasts=0.4)
    losses.reset(story, "j", "node-1", T + 5)
    story.ran("j", T + 6, "node-1")
    story.pause("j")
    story.until(40)
    return story


def led_since_an_hour_to_come() -> Story:
    """The clock of watcher-2 was an hour ahead when it was elected."""
    story = sound.quiet()
    story.depose()
    story.fault(Kind.clock, "watcher-2", lasts=2, offset="3600")
    story.wait(1)
    led = Leader(id="watcher-2", since=story.now + 3600)
    story.write((story.keys.leader, led, 0x99))
    story.until(60)
    story.assign("j", "node-1", anew=False)
    losses.missed(story, "j", "node-1", T + 4, T + 60, 57)
    return story


def reset() -> Story:
    """A cursor that was an hour ahead is reset, and the recorder hears of it two seconds late."""
    story = sound.quiet(1)
    story.fault(Kind.clock, "node-1", lasts=0.5, offset="3600")
    losses.missed(story, "j", "node-1", T + 2, T + 3602, 3601)
    story.until(5.1)
    story.fault(Kind.reset_cursor, "j", lasts=0.4)
    story.until(7.4)
    losses.reset(story, "j", "node-1", T + 5)
    story.until(7.5)
    story.ran("j", T + 6, "node-1", lasts=0.1)
    story.ran("j", T + 7, "node-1", lasts=0.1)
    story.ran("j", T + 8, "node-1")
    return story


def reset_while_it_moved() -> Story:
    """Whoever resets it has read its assignment when it moves: there is none to be put again."""
    story = sound.quiet(1)
    story.until(5.1)
    story.fault(Kind.reset_cursor, "j", lasts=0.4)
    held = story.keys.job(story.uuid("node-1"), "j")
    story.assign("j", "node-2", (held, None, 0), anew=False, moved_from=story.uuid("node-1"))
    story.wait(0.1)
    story.write((story.keys.cursor("j"), Cursor(tick=T + 5), 0))
    story.wait(0.1)
    story.ran("j", T + 6, "node-2")
    return story


def made_up_before_and_after_a_reset() -> Story:
    """The same clock is wrong by an hour twice within a minute: what is made up then has run."""
    story = sound.begun(schedule="0 * * * * *")
    story.until(1.4)
    ahead = QueuedRun(run_id=tick_run_id(T + 3600), tick=T + 3600, reason="made up")
    story.fault(Kind.clock, "node-1", lasts=1, offset="3600")
    losses.missed(story, "j", "node-1", T + 60, T + 3540, 59, ahead)
    run = story.claim_queued("j", ahead, "node-1")
    story.act("start", run, "node-1")
    story.wait(0.1)
    story.act("end", run, "node-1")
    story.end(run, ended_at=story.now + 3600)
    story.until(5.1)
    story.fault(Kind.reset_cursor, "j", lasts=0.4)
    losses.reset(story, "j", "node-1", T + 5)
    story.until(6)
    story.fault(Kind.clock, "node-1", lasts=1, offset="3600")
    losses.missed(story, "j", "node-1", T + 60, T + 3540, 59, ahead)
    again = story.claim_queued("j", ahead, "node-1")
    story.end(again, "skipped", reason=RAN_BEFORE)
    return story


def queued_before_and_after_a_reset() -> Story:
    """What a clock that was an hour ahead had queued is taken back, and queued by it once more."""
    story = sound.begun(schedule="0 * * * * *")
    story.until(1.4)
    ahead = QueuedRun(run_id=tick_run_id(T + 3600), tick=T + 3600, reason="made up")
    story.fault(Kind.clock, "node-1", lasts=1, offset="3600")
    losses.missed(story, "j", "node-1", T + 60, T + 3540, 59, ahead)
    story.until(5.1)
    story.fault(Kind.reset_cursor, "j", lasts=0.4)
    losses.reset(story, "j", "node-1", T + 5, ahead)
    story.until(6)
    story.fault(Kind.clock, "node-1", lasts=1, offset="3600")
    losses.missed(story, "j", "node-1", T + 60, T + 3540, 59, ahead)
    run = story.claim_queued("j", ahead, "node-1")
    story.act("start", run, "node-1")
    story.wait(0.1)
    story.act("end", run, "node-1")
    story.end(run, ended_at=story.now + 3600)
    return story


def skipped_before_the_clock_was_wrong() -> Story:
    """What held up the run of second 20 was killed when its node's clock was an hour behind."""
    story = sound.begun(schedule="*/10 * * * * *")
    first = story.begin("j", T + 10, "node-1")
    story.until(19.4)
    second = story.claim("j", T + 20, "node-1")
    story.until(20.0)
    story.end(second, "skipped", reason=f"{first.run_id} was still running")
    story.until(20.2)
    story.fault(Kind.clock, "node-1", offset="-3600")
    order = losses.kill_order(story, first)
    story.wait(0.1)
    story.end(first, "killed", reason="killed by ann", ended_at=story.now - 3600)
    story.write((order.key, None, 0))
    return story


def skipped_by_a_clock_that_was_ahead() -> Story:
    """Told of when what it was skipped for has ended: a pinned job, through an outage."""
    once: dict[str, Any] = {"run_on": {"node": "node-1"}, "concurrency": "forbid"}
    story = sound.begun(schedule="*/10 * * * * *", shell="sleep 3", **once)
    first = story.begin("j", T + 10, "node-1")
    story.fault(Kind.clock, "node-1", lasts=2, offset="10")
    story.until(11.4)
    skipped_at = story.now + 10
    second = story.claim("j", T + 20, "node-1", claimed_at=skipped_at)
    story.until(13)
    story.act("end", first, "node-1")
    story.end(first)
    story.until(18)
    reason = f"{first.run_id} was still running"
    story.end(second, "skipped", reason=reason, ended_at=skipped_at)
    return story


def skipped_for_a_run_that_a_clock_ahead_had_begun() -> Story:
    """Both through an outage; the other end of its request heard of it late."""
    once: dict[str, Any] = {"run_on": {"node": "node-1"}, "concurrency": "forbid"}
    story = sound.begun(schedule="*/5 * * * * *", **once)
    story.until(4.4)
    story.ran("j", T + 5, "node-1")
    story.until(6)
    story.fault(Kind.kill, "etcd-1", lasts=6)
    story.fault(Kind.clock, "node-1", lasts=4, offset="3600")
    first, second = (story.open_run("j", T + 3605 + after, "node-1") for after in (0, 5))
    began, skipped_at = T + 7.6 + 3600, T + 8.0 + 3600
    story.until(9)
    story.act("start", first, "node-1")
    story.act("end", first, "node-1")
    story.until(12.5)
    losses.missed(story, "j", "node-1", T + 10, T + 3600, 719)
    story.write((story.keys.cursor("j"), Cursor(tick=second.tick), 0))
    reason = f"{first.run_id} was still running"
    skipped = story.record(second, "skipped", reason=reason, ended_at=skipped_at)
    story.write((story.keys.run("j", second.run_id), skipped, 0))
    ended = story.record(first, started_at=began, ended_at=story.now - 3.4 + 3600)
    story.write((story.keys.run("j", first.run_id), ended, 0))
    return story


def replaced_while_the_clock_was_ahead() -> Story:
    """A run's end was noted by a clock that was ahead, and told when that had been put right."""
    story = sound.begun(concurrency="replace", schedule="*/10 * * * * *", shell="sleep 60")
    first = story.begin("j", T + 10, "node-1")
    story.until(17.4)
    story.fault(Kind.clock, "node-1", lasts=1.5, offset="2")
    second = story.claim("j", T + 20, "node-1", claimed_at=story.now + 2)
    story.until(18.02)
    noted = story.now + 2
    story.act("start", second, "node-1")
    story.until(21)
    story.end(first, "killed", reason=f"replaced by {second.run_id}", ended_at=noted)
    story.act("end", second, "node-1")
    story.end(second)
    return story


def asleep_by_a_clock_that_was_put_right() -> Story:
    """A clock that is an hour behind sends the agent to sleep, for half a minute at most."""
    story = sound.quiet()
    story.fault(Kind.clock, "node-1", lasts=2, offset="-3600")
    story.until(34.5)
    sound.catch_up(story, 4, 34, "node-1")
    return story
