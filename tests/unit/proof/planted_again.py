"""Planted errors in how often a tick runs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from crony_ops.model.run import OpenRun, QueuedRun, rerun_id
from tests.faults.proof.history import Kind
from tests.unit.proof import losses, sound, sound_losses
from tests.unit.proof.planted import Planted, plant
from tests.unit.proof.story import Story, T

if TYPE_CHECKING:
    from tests.faults.proof.checker.violation import Evidence


@plant
def an_attempt_made_twice() -> Planted:
    story = sound.quiet(1)
    begun = story.ledger[0]
    again = replace(begun, at=begun.at + 0.1)
    story.ledger.append(again)
    return Planted(story.history(), "no tick runs twice", [begun, again])


@plant
def an_attempt_made_twice_after_a_reset() -> Planted:
    """What was run before the reset excuses nothing that comes after it."""
    story = sound_losses.made_up_by_two_clocks()
    begun = next(act for act in story.ledger if act.node == "node-2" and act.event == "start")
    again = replace(begun, at=begun.at + 0.05)
    story.ledger.append(again)
    return Planted(story.history(), "no tick runs twice", [begun, again])


@plant
def an_attempt_beyond_the_retries() -> Planted:
    """Its agent comes back, and begins again what it should have followed."""
    story = sound.quiet(1, retries={"count": 1})
    run = story.claim("j", T + 2, "node-1")
    story.until(2.02)
    first = story.act("start", run, "node-1")
    story.fault(Kind.kill, "node-1", lasts=0.3)
    story.wait(0.5)
    story.register("node-1")
    story.act("start", run, "node-1", attempt=2)
    more = story.act("start", run, "node-1", attempt=3)
    story.act("end", run, "node-1", attempt=3)
    story.end(run)
    return Planted(story.history(), "no tick runs twice", [first, more])


def run_again(story: Story, number: int = 1) -> OpenRun:
    """The last tick of the story, once more."""
    last = story.ledger[-1].tick
    queued = QueuedRun(run_id=rerun_id(last, number), tick=last, reason="why not", rerun=number)
    story.write(story.queue(queued, "j"))
    run = story.claim_queued("j", queued, "node-1")
    story.carry_out(run, "node-1")
    return run


@plant
def a_tick_run_again_that_was_not_lost() -> Planted:
    story = sound.quiet(2, on_node_loss="rerun")
    first = story.ledger[-2]
    run_again(story)
    return Planted(story.history(), "no tick runs twice", [first, story.ledger[-2]])


@plant
def a_tick_run_again_though_its_job_asks_for_none() -> Planted:
    story = sound.node_lost()
    first = next(act for act in story.ledger if act.tick == T + 2)
    gone = story.last(story.keys.run("j", first.run))
    queued = QueuedRun(run_id=rerun_id(T + 2, 1), tick=T + 2, reason="lost", rerun=1)
    story.write(story.queue(queued, "j"))
    story.carry_out(story.claim_queued("j", queued, "node-2"), "node-2")
    return Planted(story.history(), "no tick runs twice", [first, gone, story.ledger[-2]])


@plant
def a_rerun_beside_the_run_that_it_repeats() -> Planted:
    story = sound.node_lost(on_node_loss="rerun")
    first = next(act for act in story.ledger if act.tick == T + 2)
    again = next(act for act in story.ledger if act.run.endswith("-r1"))
    still = replace(first, event="end", at=again.at + 0.8)
    story.ledger.append(still)
    also = ["past its lease a node ends re-runs"]
    return Planted(story.history(), "no tick runs twice", [first, again, still], also)


@plant
def a_tick_run_again_though_its_job_asks_for_none_any_more() -> Planted:
    story = sound.quiet(1, on_node_loss="rerun")
    story.want("j")
    story.assign("j", "node-1", anew=False)
    run = story.begin("j", T + 2, "node-1")
    story.fault(Kind.kill, "node-1", lasts=0.5)
    story.wait(0.6)
    story.register("node-1")
    losses.unseen(story, run, "node-1")
    first, gone = story.ledger[-1], story.last(story.keys.run("j", run.run_id))
    run_again(story)
    return Planted(story.history(), "no tick runs twice", [first, gone, story.ledger[-2]])


@plant
def a_rerun_beside_a_run_whose_node_was_awake() -> Planted:
    """Frozen for a moment before its lease ran out, and for another long after: in between it had
    the time to end what it ran."""
    story = sound.begun(on_node_loss="rerun", shell="sleep 60", schedule="*/30 * * * * *")
    run = story.begin("j", T + 30, "node-1")
    story.fault(Kind.freeze, "node-1", lasts=0.2)
    story.until(31)
    gone, rerun = sound.moved_with_its_run(story, run)
    story.until(40)
    again = story.claim_queued("j", rerun, "node-2")
    story.act("start", again, "node-2")
    story.until(49)
    story.fault(Kind.freeze, "node-1", lasts=0.2)
    story.until(50)
    story.act("end", again, "node-2")
    story.end(again)
    story.until(52)
    still = story.act("end", run, "node-1")
    story.register("node-1")
    story.write((story.keys.run("j", run.run_id), story.record(run), 0))
    return Planted(
        story.history(),
        "past its lease a node ends re-runs",
        [story.opened(run), gone, still],
        also=["no tick runs twice"],
    )


@plant
def a_rerun_before_its_run_was_lost() -> Planted:
    story = sound.quiet(1, on_node_loss="rerun")
    story.until(1.4)
    run = story.claim("j", T + 2, "node-1")
    story.until(2.02)
    first = story.act("start", run, "node-1")
    story.fault(Kind.kill, "node-1", lasts=1)
    queued = QueuedRun(run_id=rerun_id(T + 2, 1), tick=T + 2, reason="lost", rerun=1)
    story.write(story.queue(queued, "j"))
    again = story.claim_queued("j", queued, "node-1")
    story.wait(1)
    gone = story.end(run, "lost", reason="its agent was restarted, and nobody saw its end")
    story.carry_out(again, "node-1")
    evidence: list[Evidence] = [first, story.opened(again), gone]
    also = ["what is lost is run again"]
    return Planted(story.history(), "no tick runs twice", evidence, also)
