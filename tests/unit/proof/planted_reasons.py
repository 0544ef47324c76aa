"""Planted errors in the reasons that are on record."""

from __future__ import annotations

from crony_ops.model.alert import Cause
from crony_ops.model.run import QueuedRun, tick_run_id
from crony_ops.node.runs.past import RAN_BEFORE
from tests.faults.proof.history import Kind
from tests.unit.proof import losses, sound
from tests.unit.proof.planted import Planted, held_by, plant
from tests.unit.proof.story import T

RULE = "reasons are borne out"


@plant
def a_skip_that_names_a_run_long_lost() -> Planted:
    """Its own agent had said so: it was in nobody's way."""
    story = sound.quiet(1)
    lost = story.begin("j", T + 2, "node-1")
    story.fault(Kind.kill, "node-1", lasts=0.2)
    story.until(2.3)
    story.register("node-1")
    losses.unseen(story, lost, "node-1")
    told = story.last(story.keys.run("j", lost.run_id))
    for tick in (3, 4):
        story.until(tick - 0.6)
        run = story.claim("j", T + tick, "node-1")
        story.until(tick)
        end = story.end(run, "skipped", reason=f"{lost.run_id} was still running")
    return Planted(story.history(), RULE, [story.opened(lost), told, end])


@plant
def a_skip_that_names_a_run_of_another_node() -> Planted:
    story = sound.quiet(1)
    first = story.begin("j", T + 2, "node-1")
    lost = losses.dead(story)
    losses.move(story, "j", "node-1", "node-2")
    losses.lost(story, first, "node-1")
    gone = story.last(story.keys.run("j", first.run_id))
    losses.heard(story, first)
    losses.close(story, lost, losses.alert(story, Cause.node_lost, "node-1"))
    sound.catch_up(story, 3, 5)
    story.until(5.4)
    run = story.claim("j", T + 6, "node-2")
    story.until(6)
    end = story.end(run, "skipped", reason=f"{first.run_id} was still running")
    story.register("node-1")
    return Planted(story.history(), RULE, [story.opened(first), gone, end])


@plant
def a_skip_as_removed_of_a_job_that_came_back_before() -> Planted:
    story = sound.quiet(1)
    for source, target in (("node-1", "node-2"), ("node-2", "node-1")):
        left = (held_by(story, source), None, 0)
        story.assign("j", target, left, anew=False, moved_from=story.uuid(source))
        story.wait(0.05)
    run = story.claim("j", T + 2, "node-1")
    story.until(2)
    end = story.end(run, "skipped", reason="the job was removed")
    return Planted(story.history(), RULE, [end])


@plant
def a_skip_within_the_grace() -> Planted:
    story = sound.begun(schedule="*/10 * * * * *")
    story.until(9.4)
    run = story.claim("j", T + 10, "node-1")
    story.until(11.1)
    end = story.end(run, "skipped", reason="1 s late, beyond its grace of 0 s")
    return Planted(story.history(), RULE, [end])


@plant
def a_skip_of_what_is_said_to_have_run() -> Planted:
    """Its job's cursor was reset, and this tick nobody had begun before."""
    story = sound.quiet(1)
    story.fault(Kind.reset_cursor, "j", lasts=0.4)
    story.until(4.2)
    story.fault(Kind.delay, "etcd-1")
    queued = QueuedRun(run_id=tick_run_id(T + 4), tick=T + 4, reason="made up")
    losses.missed(story, "j", "node-1", T + 2, T + 3, 2, queued)
    run = story.claim_queued("j", queued, "node-1")
    end = story.end(run, "skipped", reason=RAN_BEFORE)
    return Planted(story.history(), RULE, [end])


@plant
def a_run_that_its_agent_saw_to_its_end_and_calls_lost() -> Planted:
    """All that happened is that etcd was compacted."""
    story = sound.quiet(1)
    story.fault(Kind.compact, lasts=0.01)
    run = story.begin("j", T + 2, "node-1")
    story.wait(0.1)
    story.act("end", run, "node-1")
    losses.unseen(story, run, "node-1")
    told = story.last(story.keys.run("j", run.run_id))
    return Planted(story.history(), RULE, [story.opened(run), told])
