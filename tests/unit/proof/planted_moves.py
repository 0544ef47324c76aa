"""Planted errors in moves and leadership."""

from __future__ import annotations

from crony_ops.model.alert import Cause
from tests.faults.proof.history import Kind
from tests.unit.proof import losses, sound
from tests.unit.proof.planted import Planted, held_by, plant
from tests.unit.proof.story import T

SEEN = "a move hangs on what was seen"


@plant
def a_job_put_on_a_second_node() -> Planted:
    story = sound.quiet()
    first = story.there[held_by(story)]
    second = story.assign("j", "node-2", anew=False)
    also = ["in the end all is as it should be"]
    return Planted(story.history(), "a move is one transaction", [first, second], also)


@plant
def a_move_in_two_requests() -> Planted:
    story = sound.quiet()
    lost = losses.dead(story)
    taken = story.write((held_by(story), None, 0))[0]
    given = story.assign("j", "node-2", anew=False, moved_from=lost.node)
    sound.catch_up(story, 4, 6)
    losses.close(story, lost, losses.alert(story, Cause.node_lost, "node-1"))
    story.register("node-1")
    return Planted(story.history(), "a move is one transaction", [taken, given])


@plant
def an_epoch_that_fell() -> Planted:
    story = sound.quiet(1)
    story.assign("j", "node-2", anew=False)
    newer = story.ran("j", T + 2, "node-2")
    older = story.ran("j", T + 3, "node-1")
    story.write((held_by(story, "node-2"), None, 0))
    evidence = [story.opened(newer), story.opened(older)]
    return Planted(story.history(), "the epoch grows", evidence, ["a move is one transaction"])


@plant
def a_job_given_by_a_spec_that_was_edited() -> Planted:
    story = sound.quiet()
    older = story.given("j")
    edit = story.want("j", timeout="5s")
    given = story.assign("j", "node-1", anew=False, spec_revision=older.spec_revision)
    story.assign("j", "node-1", anew=False)
    return Planted(story.history(), SEEN, [edit, given])


@plant
def a_job_given_to_a_node_that_was_gone() -> Planted:
    story = sound.quiet()
    story.fault(Kind.kill, "node-2", lasts=8)
    gone = story.lapse("node-2")
    left = (held_by(story), None, 0)
    given = story.assign("j", "node-2", left, anew=False, moved_from=story.uuid("node-1"))
    story.register("node-2")
    return Planted(story.history(), SEEN, [gone, given])


@plant
def a_job_taken_off_a_living_node_in_the_middle_of_a_run() -> Planted:
    story = sound.quiet()
    run = story.claim("j", T + 4, "node-1")
    left = (held_by(story), None, 0)
    story.assign("j", "node-2", left, anew=False, moved_from=story.uuid("node-1"))
    taken = story.last(held_by(story))
    story.carry_out(run, "node-1")
    return Planted(story.history(), SEEN, [story.opened(run), taken])


@plant
def a_failover_of_a_node_that_lives() -> Planted:
    story = sound.quiet()
    alive = story.there[story.keys.node(story.uuid("node-1"))]
    begun, lost = losses.declare_lost(story, "node-1")
    losses.close(story, lost, losses.alert(story, Cause.node_lost, "node-1"))
    return Planted(story.history(), SEEN, [alive, begun])


@plant
def a_run_called_lost_while_its_node_lives() -> Planted:
    story = sound.quiet()
    alive = story.there[story.keys.node(story.uuid("node-1"))]
    run = story.claim("j", T + 4, "node-1")
    losses.lost(story, run, "node-1")
    news = story.last(story.keys.news("j", run.run_id))
    losses.heard(story, run)
    also = ["reasons are borne out"]
    return Planted(story.history(), SEEN, [alive, news], also)


@plant
def a_run_called_lost_that_had_ended() -> Planted:
    story = sound.quiet()
    run = story.ran("j", T + 4, "node-1")
    lost = losses.dead(story)
    losses.move(story, "j", "node-1", "node-2")
    losses.lost(story, run, "node-1")
    news = story.last(story.keys.news("j", run.run_id))
    losses.heard(story, run)
    sound.catch_up(story, 5, 7)
    losses.close(story, lost, losses.alert(story, Cause.node_lost, "node-1"))
    story.register("node-1")
    return Planted(story.history(), SEEN, [news])


@plant
def a_job_moved_while_nobody_led() -> Planted:
    story = sound.quiet()
    story.fault(Kind.kill, "watcher-1")
    gone = story.depose()
    edit = story.assign("j", "node-1", anew=False)
    story.lead("watcher-2")
    return Planted(story.history(), "only the leader decides", [gone, edit])


@plant
def a_job_moved_by_the_leader_before() -> Planted:
    story = sound.quiet()
    story.fault(Kind.freeze, "watcher-1")
    decided_at = story.now
    story.depose()
    story.wait(1)
    led = story.lead("watcher-2")
    edit = story.assign("j", "node-1", anew=False, assigned_at=decided_at)
    return Planted(story.history(), "only the leader decides", [led, edit])


@plant
def a_job_moved_by_the_leader_before_whose_clock_was_wrong() -> Planted:
    story = sound.quiet()
    story.fault(Kind.clock, "watcher-1", offset="-3600")
    story.fault(Kind.clock, "watcher-2", lasts=0.1, offset="-3600")
    decided_at = story.now
    story.depose()
    story.until(40)
    led = story.lead("watcher-2")
    edit = story.assign("j", "node-1", anew=False, assigned_at=decided_at)
    losses.missed(story, "j", "node-1", T + 4, T + 40, 37)
    return Planted(story.history(), "only the leader decides", [led, edit])


@plant
def a_second_leader() -> Planted:
    story = sound.quiet()
    first = story.there[story.keys.leader]
    second = story.lead("watcher-2")
    return Planted(story.history(), "one leader at a time", [first, second])
