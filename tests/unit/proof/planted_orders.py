"""Planted errors in places and orders."""

from __future__ import annotations

from crony_ops.model.spec import Cursor
from tests.faults.proof.history import Kind
from tests.unit.proof import losses, sound
from tests.unit.proof.planted import Planted, held_by, plant
from tests.unit.proof.story import Story, T


@plant
def a_pinned_job_elsewhere() -> Planted:
    story = sound.begun(run_on={"node": "node-1"}, name="node-2")
    given = story.there[held_by(story, "node-2")]
    run = story.claim("j", T + 1, "node-2")
    story.carry_out(run, "node-2")
    return Planted(story.history(), "jobs run where they may", [given, story.opened(run)])


@plant
def a_job_on_a_node_that_lacks_its_preset() -> Planted:
    story = sound.begun(presets=["env"], name="node-2")
    given = story.there[held_by(story, "node-2")]
    run = story.claim("j", T + 1, "node-2")
    story.carry_out(run, "node-2")
    return Planted(story.history(), "jobs run where they may", [given, story.opened(run)])


@plant
def a_job_given_to_a_cordoned_node() -> Planted:
    story = sound.quiet()
    cordon = story.cordon("node-2")
    story.wait(2.5)
    left = (held_by(story), None, 0)
    given = story.assign("j", "node-2", left, anew=False, moved_from=story.uuid("node-1"))
    return Planted(story.history(), "a cordoned node gets no new jobs", [cordon, given])


@plant
def a_start_after_the_removal() -> Planted:
    story = sound.quiet()
    run = story.claim("j", T + 4, "node-1")
    story.remove("j")
    gone = story.last(story.keys.spec("j"))
    story.wait(0.1)
    story.tidy("j", "node-1")
    story.wait(3)
    begun = story.act("start", run, "node-1")
    story.end(run, "failed")
    return Planted(story.history(), "orders take effect", [gone, begun])


@plant
def a_start_while_paused() -> Planted:
    story = sound.quiet()
    run = story.claim("j", T + 4, "node-1")
    paused = story.pause("j")
    story.wait(3)
    begun = story.act("start", run, "node-1")
    story.end(run, "failed")
    return Planted(story.history(), "orders take effect", [paused, begun])


@plant
def a_kill_that_nobody_obeyed() -> Planted:
    story = sound.begun(schedule="*/30 * * * * *")
    story.until(29.4)
    run = story.claim("j", T + 30, "node-1")
    story.until(30.02)
    story.act("start", run, "node-1")
    order = losses.kill_order(story, run)
    story.until(45)
    story.act("end", run, "node-1")
    story.end(run)
    story.write((order.key, None, 0))
    closed = story.last(story.open_key(run))
    return Planted(story.history(), "orders take effect", [story.opened(run), order, closed])


@plant
def a_resumption_that_left_the_cursor_behind() -> Planted:
    story = sound.quiet()
    cursor = story.there[story.keys.cursor("j")]
    paused = story.pause("j")
    story.wait(1)
    resumed = story.write((paused.key, None, 0))[0]
    rule = "nothing fires for the time before"
    return Planted(story.history(), rule, [cursor, paused, resumed])


@plant
def a_resumption_that_left_the_cursor_at_an_edit_before_it() -> Planted:
    story = sound.quiet()
    paused = story.pause("j")
    story.wait(1)
    story.want("j", schedule="*/2 * * * * *")
    story.assign("j", "node-1")
    cursor = story.there[story.keys.cursor("j")]
    story.wait(8)
    resumed = story.write((paused.key, None, 0))[0]
    story.pause("j")
    rule = "nothing fires for the time before"
    return Planted(story.history(), rule, [cursor, paused, resumed])


@plant
def a_resumption_that_put_the_cursor_before_the_pause() -> Planted:
    story = sound.quiet()
    story.until(9.3)
    story.fault(Kind.delay, "etcd-1")
    paused = story.pause("j")
    story.wait(1)
    resumed, moved = story.write(
        (paused.key, None, 0), (story.keys.cursor("j"), Cursor(tick=T + 5), 0)
    )
    story.pause("j")
    rule = "nothing fires for the time before"
    return Planted(story.history(), rule, [paused, moved, resumed])


@plant
def an_edit_that_left_the_cursor_behind() -> Planted:
    story = sound.quiet()
    cursor, before = story.there[story.keys.cursor("j")], story.there[held_by(story)]
    story.want("j", schedule="*/2 * * * * *")
    story.wait(1)
    edit = story.assign("j", "node-1", anew=False)
    rule = "nothing fires for the time before"
    return Planted(story.history(), rule, [before, cursor, edit])


@plant
def a_tick_of_the_time_before_the_job_was_wanted() -> Planted:
    story = Story()
    story.lead()
    story.register("node-1")
    story.register("node-2")
    story.until(10.5)
    story.want("j")
    behind = (story.keys.cursor("j"), Cursor(tick=T + 4), 0)
    given = story.assign("j", "node-1", behind, anew=False)
    story.ran("j", T + 5, "node-1")
    cursor = next(one for one in story.writes if one.key == behind[0])
    rule = "nothing fires for the time before"
    return Planted(story.history(at=T + 5.9), rule, [cursor, given])


@plant
def a_due_tick_left_lying() -> Planted:
    """So it is with an agent that has missed the news of its job."""
    story = sound.quiet(2)
    held, before = story.there[held_by(story)], story.there[story.keys.cursor("j")]
    story.until(25.2)
    story.fault(Kind.freeze, "node-1")
    losses.missed(story, "j", "node-1", T + 3, T + 25, 23)
    moved = story.last(story.keys.cursor("j"))
    return Planted(story.history(), "nothing is left lying", [held, before, moved])


def _left_beside_others(story: Story, until: int) -> None:
    """node-2 is in trouble all the time, and takes what is due of k alone."""
    story.want("k", timeout="5s")
    story.assign("k", "node-2")
    for tick in range(T + 4, T + until):
        story.fault(Kind.delay, "node-2>etcd-1", lasts=0.5)
        story.ran("k", tick, "node-2", lasts=0.1)


@plant
def a_due_tick_left_lying_by_a_node_that_went_on_with_others() -> Planted:
    story = sound.begun(name="node-2")
    held, before = story.there[held_by(story, "node-2")], story.there[story.keys.cursor("j")]
    story.until(3.3)
    _left_beside_others(story, 32)
    losses.missed(story, "j", "node-2", T + 1, T + 31, 31)
    moved = story.last(story.keys.cursor("j"))
    return Planted(story.history(), "nothing is left lying", [held, before, moved])


@plant
def a_due_tick_left_lying_until_its_job_was_paused() -> Planted:
    story = sound.quiet(2)
    held, before = story.there[held_by(story)], story.there[story.keys.cursor("j")]
    story.until(25.2)
    story.pause("j")
    story.wait(1)
    story.resume("j")
    moved = story.last(story.keys.cursor("j"))
    return Planted(story.history(), "nothing is left lying", [held, before, moved])


@plant
def a_spec_left_lying() -> Planted:
    """So it is with a watcher that has missed the news of it."""
    story = sound.begun(schedule="@yearly")
    story.until(5)
    edit = story.want("j", schedule="@yearly", timeout="5s")
    story.until(25)
    given = story.assign("j", "node-1", anew=False)
    return Planted(story.history(), "nothing is left lying", [edit, given])


@plant
def a_spec_left_lying_where_each_node_was_cordoned_once() -> Planted:
    story = sound.begun(schedule="@yearly")
    cordons = [story.cordon(name) for name in ("node-1", "node-2")]
    story.wait(1)
    story.write(*((cordon.key, None, 0) for cordon in cordons))
    story.until(30)
    edit = story.want("j", schedule="@yearly", timeout="5s")
    story.until(50)
    given = story.assign("j", "node-1", anew=False)
    return Planted(story.history(), "nothing is left lying", [edit, given])


@plant
def a_kill_that_nobody_obeyed_while_etcd_was_compacted() -> Planted:
    story = sound.begun(schedule="*/30 * * * * *")
    run = story.begin("j", T + 30, "node-1")
    order = losses.kill_order(story, run)
    for _ in range(15):
        story.fault(Kind.compact, lasts=0.01)
        story.wait(1)
    story.act("end", run, "node-1")
    story.end(run)
    story.write((order.key, None, 0))
    closed = story.last(story.open_key(run))
    return Planted(story.history(), "orders take effect", [story.opened(run), order, closed])
