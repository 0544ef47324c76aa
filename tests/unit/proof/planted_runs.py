"""Planted errors in what ran, and in what is on record of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crony_ops.model.run import tick_run_id
from tests.faults.proof.history import Kind
from tests.unit.proof import losses, sound
from tests.unit.proof.planted import Planted, plant
from tests.unit.proof.story import T

if TYPE_CHECKING:
    from tests.faults.proof.checker.violation import Evidence


@plant
def a_run_that_nobody_claimed() -> Planted:
    story = sound.quiet(2)
    run = story.open_run("j", T + 2, "node-1", run_id=f"{tick_run_id(T + 2)[:-1]}o9")
    act = story.act("start", run, "node-1")
    return Planted(story.history(), "nothing runs unclaimed", [act])


@plant
def a_run_on_another_node_than_claimed_it() -> Planted:
    story = sound.quiet(1)
    run = story.claim("j", T + 2, "node-1")
    story.carry_out(run, "node-2")
    evidence: list[Evidence] = [story.opened(run), story.ledger[-2]]
    return Planted(story.history(), "nothing runs unclaimed", evidence)


@plant
def a_run_that_started_before_its_second() -> Planted:
    story = sound.quiet(2)
    story.now = T + 2.1
    run = story.claim("j", T + 3, "node-1")
    begun = story.act("start", run, "node-1")
    story.until(3.1)
    story.act("end", run, "node-1")
    story.end(run)
    return Planted(story.history(), "a run starts at its second", [story.opened(run), begun])


@plant
def a_run_that_started_before_its_second_long_after_a_clock_was_right_again() -> Planted:
    story = sound.begun(schedule="0 * * * * *")
    story.fault(Kind.clock, "node-1", lasts=1, offset="1.5")
    story.until(59.1)
    run = story.claim("j", T + 60, "node-1")
    begun = story.act("start", run, "node-1")
    story.until(60.1)
    story.act("end", run, "node-1")
    story.end(run)
    return Planted(story.history(), "a run starts at its second", [story.opened(run), begun])


@plant
def an_open_run_that_vanished() -> Planted:
    """Its claim was never read back, and what was open was taken away in the end."""
    story = sound.quiet(2)
    run = story.claim("j", T + 3, "node-1")
    opened = story.opened(run)
    gone = story.write((opened.key, None, 0))[0]
    return Planted(story.history(), "every end is on record", [opened, gone])


@plant
def a_run_without_a_record() -> Planted:
    """A pinned job's, by the journal, which told of the other one only."""
    story = sound.pinned_through_an_outage()
    untold = story.writes.pop()
    begun = next(act for act in story.ledger if act.tick == T + 3)
    history = story.history()
    del history.end.keys[untold.key]
    also = ["every tick is accounted for"]
    return Planted(history, "every end is on record", [begun], also)


@plant
def a_success_that_never_ran() -> Planted:
    story = sound.quiet(2)
    run = story.claim("j", T + 3, "node-1")
    story.until(3.2)
    end = story.end(run)
    return Planted(story.history(), "records tell the truth", [end])


@plant
def a_run_that_was_skipped_and_ran() -> Planted:
    story = sound.quiet(2)
    story.pause("j")
    paused = story.claim("j", T + 3, "node-1")
    story.until(3.02)
    begun = story.act("start", paused, "node-1")
    end = story.end(paused, "skipped", reason="the job was paused", started_at=None)
    also = ["nothing is claimed while paused"]
    return Planted(story.history(), "records tell the truth", [begun, end], also)


def _started_late(
    fault: Kind = Kind.cut, target: str = "node-1>etcd-1", lasts: float = 30, **fields: str
) -> Planted:
    story = sound.begun(schedule="*/30 * * * * *", **fields)
    story.until(29.2)
    run = story.claim("j", T + 30, "node-1")
    story.fault(fault, target, lasts)
    story.until(29.4)
    gone = story.lapse("node-1")
    story.until(30.02)
    begun = story.act("start", run, "node-1")
    story.act("end", run, "node-1")
    story.end(run)
    story.register("node-1")
    rule = "past its lease a node starts nothing"
    return Planted(story.history(), rule, [story.opened(run), gone, begun])


@plant
def a_start_after_the_end_of_the_lease() -> Planted:
    return _started_late()


@plant
def a_start_on_waking_of_what_came_due_in_the_sleep() -> Planted:
    return _started_late(Kind.freeze, "node-1", 0.8)


@plant
def a_start_of_what_may_be_run_again_after_the_end_of_the_lease() -> Planted:
    return _started_late(on_node_loss="rerun")


@plant
def a_run_that_was_not_fenced() -> Planted:
    story = sound.begun(on_node_loss="rerun", schedule="*/30 * * * * *")
    story.until(29.2)
    run = story.claim("j", T + 30, "node-1")
    story.until(30.02)
    story.act("start", run, "node-1")
    story.fault(Kind.cut, "node-1>etcd-1", lasts=15)
    story.wait(4)
    gone = story.lapse("node-1")
    story.wait(6)
    ended = story.act("end", run, "node-1")
    story.end(run)
    story.register("node-1")
    rule = "past its lease a node ends re-runs"
    return Planted(story.history(), rule, [story.opened(run), gone, ended])


@plant
def ticks_missed_with_nothing_amiss() -> Planted:
    story = sound.quiet(5)
    story.until(14.2)
    gap = losses.missed(story, "j", "node-1", T + 6, T + 14, 9)
    return Planted(story.history(), "reasons are borne out", [gap])


@plant
def a_skip_that_names_a_run_long_over() -> Planted:
    story = sound.quiet(2)
    run = story.claim("j", T + 3, "node-1")
    story.until(3)
    first = story.opened(story.open_run("j", T + 1, "node-1"))
    over = story.last(story.keys.run("j", tick_run_id(T + 1)))
    end = story.end(run, "skipped", reason=f"{tick_run_id(T + 1)} was still running")
    return Planted(story.history(), "reasons are borne out", [first, over, end])


@plant
def a_skip_for_a_run_that_never_was() -> Planted:
    story = sound.quiet(2)
    run = story.claim("j", T + 3, "node-1")
    reason = (
        f"replaced by {tick_run_id(T + 4)} before it could start; replaced {tick_run_id(T + 2)}"
    )
    end = story.end(run, "skipped", reason=reason)
    return Planted(story.history(), "reasons are borne out", [end])


@plant
def a_run_lost_with_a_node_that_was_never_gone() -> Planted:
    story = sound.quiet(2)
    run = story.claim("j", T + 3, "node-1")
    gone = story.end(run, "lost", reason="its node node-1 was lost")
    return Planted(story.history(), "reasons are borne out", [story.opened(run), gone])


@plant
def a_run_killed_by_nobody() -> Planted:
    story = sound.quiet(2)
    run = story.claim("j", T + 3, "node-1")
    story.until(3.02)
    story.act("start", run, "node-1")
    end = story.end(run, "killed", reason="killed by ann")
    return Planted(story.history(), "reasons are borne out", [end])


@plant
def a_claim_whose_answer_was_lost_and_that_nobody_looked_up() -> Planted:
    story = sound.quiet(1)
    story.until(1.4)
    run = story.claim("j", T + 2, "node-1")
    story.fault(Kind.cut_one_way, "node-1>", lasts=1.0, way="down", answers="lost")
    story.until(14.0)
    begun = story.act("start", run, "node-1")
    story.act("end", run, "node-1")
    story.end(run)
    opened = story.opened(run)
    also = ["every tick is accounted for"]  # for none was claimed meanwhile
    return Planted(story.history(), "a claim in doubt is looked up", [opened, begun], also=also)
