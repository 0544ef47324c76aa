"""Planted errors in what is left in the end."""

from __future__ import annotations

from crony_ops.model.run import OpenRun, QueuedRun, tick_run_id
from tests.faults.proof.history import Kind, Usage
from tests.unit.proof import losses, sound
from tests.unit.proof.planted import Planted, plant
from tests.unit.proof.story import Story, T

END = "in the end all is as it should be"
LEFT = "nothing is left over"


@plant
def a_node_that_did_not_come_back() -> Planted:
    story = sound.quiet()
    story.fault(Kind.kill, "node-2")
    gone = story.lapse("node-2")
    return Planted(story.history(), END, [gone])


@plant
def nobody_who_leads_in_the_end() -> Planted:
    story = sound.quiet()
    gone = story.depose()
    return Planted(story.history(), END, [gone])


@plant
def a_job_without_a_node() -> Planted:
    story = sound.quiet()
    wanted = story.want("k")
    return Planted(story.history(), END, [wanted])


@plant
def a_run_left_open() -> Planted:
    """So it is where an unknown claim was never read back: nobody runs it."""
    story = sound.quiet(2)
    run = story.claim("j", T + 3, "node-1")
    story.fault(Kind.cut, "node-1>etcd-1", lasts=1)
    story.pause("j")
    story.wait(35)
    return Planted(story.history(), END, [story.opened(run)])


@plant
def a_run_left_open_that_was_claimed_when_all_was_well() -> Planted:
    story = sound.quiet(1)
    story.fault(Kind.cut, "node-1>etcd-1", lasts=0.1)
    story.ran("j", T + 2, "node-1")
    story.fault(Kind.compact, lasts=None)
    run = story.claim("j", T + 3, "node-1")
    story.pause("j")
    story.until(34)
    story.fault(Kind.stall, "etcd-1", lasts=0.6)
    story.wait(1)
    return Planted(story.history(), END, [story.opened(run)])


@plant
def a_queued_run_that_nobody_took() -> Planted:
    story = sound.quiet(2)
    story.fault(Kind.cut, "node-1>etcd-1", lasts=0.1)
    story.until(5.2)
    left = QueuedRun(run_id=tick_run_id(T + 4), tick=T + 4, reason="made up")
    losses.missed(story, "j", "node-1", T + 3, T + 3, 1, left)
    for tick in range(5, 40):
        story.ran("j", T + tick, "node-1", lasts=0.1)
    story.pause("j")
    return Planted(story.history(), END, [story.last(story.keys.queued("j", left.run_id))])


@plant
def a_key_left_over() -> Planted:
    story = sound.killed()
    order = losses.kill_order(story, OpenRun.from_json(_first_open(story)))
    return Planted(story.history(), LEFT, [order])


def _first_open(story: Story) -> bytes:
    return next(w.value or "" for w in story.writes if w.key.startswith(story.keys.opens)).encode()


@plant
def a_lease_left_over() -> Planted:
    story = sound.quiet()
    story.stray_leases = (0x999,)
    return Planted(story.history(), LEFT, [])


@plant
def a_process_left_over() -> Planted:
    story = sound.quiet()
    story.survivors = ("4711 sleep 60",)
    return Planted(story.history(), LEFT, [])


@plant
def memory_and_descriptors_that_grew() -> Planted:
    story = sound.quiet()
    usage = Usage(
        descriptors_before=40,
        descriptors_after=40,
        memory_before=80 << 20,
        memory_after=400 << 20,
    )
    return Planted(story.history(usage={"node-1": usage}), LEFT, [])


@plant
def a_write_that_the_recorder_missed() -> Planted:
    story = sound.quiet()
    first, missed, then = [w for w in story.writes if w.key == story.keys.cursor("j")][1:4]
    history = story.history()
    history.writes.remove(missed)
    also = ["claims move the cursor", "claims hang on the cursor"]
    return Planted(history, "the history is whole", [first, then], also)
