"""Planted errors in claims and cursors."""

from __future__ import annotations

from dataclasses import replace

from crony_ops.model.alert import Cause
from crony_ops.model.run import QueuedRun, tick_run_id
from crony_ops.model.spec import Cursor
from tests.faults.proof.history import Kind
from tests.unit.proof import losses, sound
from tests.unit.proof.planted import Planted, held_by, plant
from tests.unit.proof.story import TTL, T


@plant
def a_claim_after_the_lease_had_ended() -> Planted:
    story = sound.quiet()
    gone = story.lapse("node-1")
    run = story.ran("j", T + 4, "node-1")
    story.register("node-1")
    return Planted(story.history(), "claims hang on the lease", [gone, story.opened(run)])


@plant
def a_claim_under_the_lease_of_an_earlier_life() -> Planted:
    story = sound.quiet()
    earlier = story.leases["node-1"]
    again = story.register("node-1")
    run = story.claim("j", T + 4, "node-1", incarnation=earlier)
    story.carry_out(run, "node-1")
    return Planted(story.history(), "claims hang on the lease", [again, story.opened(run)])


@plant
def a_claim_of_a_job_that_had_moved() -> Planted:
    story = sound.quiet()
    held = story.there[held_by(story)]
    story.assign("j", "node-2", (held.key, None, 0), anew=False, moved_from=story.uuid("node-1"))
    run = story.claim("j", T + 4, "node-1", epoch=held.revision)
    story.carry_out(run, "node-1")
    taken = story.last(held.key)
    return Planted(story.history(), "claims hang on the assignment", [taken, story.opened(run)])


@plant
def a_claim_under_an_edit_that_it_did_not_know() -> Planted:
    story = sound.quiet()
    held = story.there[held_by(story)]
    story.want("j", timeout="5s")
    edit = story.assign("j", "node-1", anew=False)
    run = story.claim("j", T + 4, "node-1", epoch=held.revision)
    story.carry_out(run, "node-1")
    return Planted(story.history(), "claims hang on the assignment", [edit, story.opened(run)])


@plant
def missed_ticks_accounted_for_by_a_node_that_had_lost_the_job() -> Planted:
    story = sound.quiet()
    held = story.there[held_by(story)]
    story.assign("j", "node-2", (held.key, None, 0), anew=False, moved_from=story.uuid("node-1"))
    taken = story.last(held.key)
    story.until(6.5)
    story.fault(Kind.delay, "etcd-1")
    gap = losses.missed(story, "j", "node-1", T + 4, T + 6, 3)
    return Planted(story.history(), "claims hang on the assignment", [taken, gap])


@plant
def a_claim_of_a_paused_job() -> Planted:
    story = sound.quiet()
    paused = story.pause("j")
    run = story.claim("j", T + 4, "node-1")
    story.until(4)
    story.end(run, "skipped", reason="the job was paused")
    return Planted(story.history(), "nothing is claimed while paused", [paused, story.opened(run)])


@plant
def a_claim_of_a_job_that_was_to_leave() -> Planted:
    story = sound.quiet()
    leaving = story.assign("j", "node-1", anew=False, leaving=True)
    run = story.ran("j", T + 4, "node-1")
    rule = "nothing is claimed while leaving"
    return Planted(story.history(), rule, [leaving, story.opened(run)])


@plant
def a_tick_that_was_taken_and_is_claimed_by_another_node() -> Planted:
    story = sound.quiet()
    held = story.there[held_by(story)]
    before = story.there[story.keys.cursor("j")]
    story.assign("j", "node-2", (held.key, None, 0), anew=False, moved_from=story.uuid("node-1"))
    run = story.claim("j", T + 3, "node-2")
    story.carry_out(run, "node-2")
    return Planted(
        story.history(),
        "claims hang on the cursor",
        [before, story.opened(run)],
        also=["one claim a run", "no tick runs twice", "nothing runs unclaimed"],
    )


@plant
def a_missed_tick_made_up_from_a_cursor_of_the_past() -> Planted:
    story = sound.quiet(2)
    before = story.there[story.keys.cursor("j")]
    story.until(4.3)
    queued = QueuedRun(run_id=tick_run_id(T + 2), tick=T + 2, reason="made up")
    last = QueuedRun(run_id=tick_run_id(T + 4), tick=T + 4, reason="made up")
    losses.missed(story, "j", "node-1", T + 3, T + 3, 1, queued, last)
    anew = story.there[story.keys.queued("j", queued.run_id)]
    return Planted(story.history(), "claims hang on the cursor", [before, anew])


@plant
def missed_ticks_given_up_from_a_cursor_of_the_past() -> Planted:
    story = sound.quiet(3)
    before = story.there[story.keys.cursor("j")]
    story.until(6.3)
    gap = losses.missed(story, "j", "node-1", T + 2, T + 6, 5)
    return Planted(
        story.history(),
        "claims hang on the cursor",
        [before, gap],
        also=["a gap counts its ticks"],
    )


@plant
def a_claim_that_leapt_over_a_tick() -> Planted:
    story = sound.quiet(2)
    before = story.there[story.keys.cursor("j")]
    story.until(3.5)
    run = story.ran("j", T + 4, "node-1")
    return Planted(story.history(), "claims hang on the cursor", [before, story.opened(run)])


@plant
def a_claim_that_left_the_cursor_where_it_was() -> Planted:
    story = sound.quiet(2)
    run = story.open_run("j", T + 3, "node-1")
    story.write((story.open_key(run), run, 0))
    story.carry_out(run, "node-1")
    return Planted(story.history(), "claims move the cursor", [story.opened(run)])


@plant
def a_claim_far_ahead() -> Planted:
    story = sound.quiet(2)
    story.until(2.3)
    run = story.claim("j", T + 3, "node-1")
    story.carry_out(run, "node-1")
    opened = story.opened(run)
    far = replace(opened, at=T + 1.2)
    history = story.history()
    history.writes[history.writes.index(opened)] = far
    return Planted(history, "a claim reaches one second ahead", [far])


@plant
def a_claim_far_ahead_long_after_a_clock_was_right_again() -> Planted:
    story = sound.begun(schedule="0 * * * * *")
    story.fault(Kind.clock, "node-1", lasts=1, offset="1.5")
    story.until(50.2)
    run = story.claim("j", T + 60, "node-1", claimed_at=T + 59.2)
    story.carry_out(run, "node-1")
    return Planted(story.history(), "a claim reaches one second ahead", [story.opened(run)])


@plant
def a_claim_far_ahead_even_by_a_clock_that_was_wrong() -> Planted:
    story = sound.begun(schedule="*/30 * * * * *")
    story.until(25.2)
    story.fault(Kind.clock, "node-1", offset="2")
    run = story.claim("j", T + 30, "node-1", claimed_at=story.now + 2)
    story.carry_out(run, "node-1")
    return Planted(story.history(), "a claim reaches one second ahead", [story.opened(run)])


@plant
def a_queued_run_that_was_claimed_twice() -> Planted:
    story = sound.quiet(2)
    story.until(5.2)
    story.fault(Kind.delay, "etcd-1")
    sound.catch_up(story, 3, 5, "node-1")
    queued = QueuedRun(run_id=tick_run_id(T + 5), tick=T + 5, reason="made up")
    taken = story.last(story.keys.queued("j", queued.run_id))
    run = story.claim_queued("j", queued, "node-1")
    story.end(run)
    rule = "claims take what is there"
    also = ["one claim a run"]
    return Planted(story.history(), rule, [taken, story.opened(run)], also)


@plant
def a_cursor_that_went_back() -> Planted:
    story = sound.quiet(3)
    before = story.there[story.keys.cursor("j")]
    back = story.write((story.keys.cursor("j"), Cursor(tick=T + 2), 0))[0]
    return Planted(story.history(), "a cursor never goes back", [before, back])


@plant
def a_cursor_that_nobody_had_a_right_to_move() -> Planted:
    story = sound.quiet(2)
    before = story.there[story.keys.cursor("j")]
    story.until(5.3)
    moved = story.write((story.keys.cursor("j"), Cursor(tick=T + 5), 0))[0]
    return Planted(story.history(), "every tick is accounted for", [before, moved])


@plant
def a_tick_between_a_gap_and_what_is_made_up() -> Planted:
    story = sound.quiet(2)
    before = story.there[story.keys.cursor("j")]
    story.until(6.2)
    story.fault(Kind.delay, "etcd-1")
    queued = QueuedRun(run_id=tick_run_id(T + 6), tick=T + 6, reason="made up")
    losses.missed(story, "j", "node-1", T + 3, T + 4, 2, queued)
    moved = story.last(story.keys.cursor("j"))
    story.carry_out(story.claim_queued("j", queued, "node-1"), "node-1")
    return Planted(story.history(), "every tick is accounted for", [before, moved])


@plant
def a_gap_that_counts_wrong() -> Planted:
    story = sound.quiet(2)
    before = story.there[story.keys.cursor("j")]
    story.until(5.2)
    story.fault(Kind.delay, "etcd-1")
    losses.missed(story, "j", "node-1", T + 3, T + 5, 2)
    moved = story.last(story.keys.cursor("j"))
    return Planted(story.history(), "a gap counts its ticks", [before, moved])


@plant
def ticks_that_nobody_came_to_before_the_end() -> Planted:
    story = sound.quiet(2)
    story.wait(TTL + 3)
    held, cursor = story.there[held_by(story)], story.there[story.keys.cursor("j")]
    return Planted(story.history(), "every tick is accounted for", [held, cursor])


@plant
def a_job_that_stopped_for_good_long_before_all_were_paused() -> Planted:
    story = sound.quiet()
    held, cursor = story.there[held_by(story)], story.there[story.keys.cursor("j")]
    story.until(40)
    paused = story.pause("j")
    return Planted(story.history(), "every tick is accounted for", [held, cursor, paused])


@plant
def a_cursor_that_leapt_when_a_job_that_nobody_had_was_given_again() -> Planted:
    story = sound.quiet(presets=["env"])
    before = story.there[story.keys.cursor("j")]
    lost = losses.dead(story)
    story.write((held_by(story), None, 0))
    losses.close(story, lost, losses.alert(story, Cause.node_lost, "node-1"))
    story.until(40)
    story.register("node-1")
    story.assign("j", "node-1")
    moved = story.last(story.keys.cursor("j"))
    story.ran("j", T + 41, "node-1")
    return Planted(story.history(), "every tick is accounted for", [before, moved])


@plant
def a_cursor_that_leapt_while_a_reset_of_it_was_refused() -> Planted:
    story = sound.quiet()
    before = story.there[story.keys.cursor("j")]
    story.fault(Kind.reset_cursor, "j", lasts=None, refused="yes")
    story.until(9.3)
    moved = story.write((before.key, Cursor(tick=T + 9), 0))[0]
    return Planted(story.history(), "every tick is accounted for", [before, moved])
