"""Sound histories: a quiet one, and all that may go wrong in a cluster without breaking a promise.

Each is a story that a test may go on with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crony_ops.model.alert import Cause
from crony_ops.model.run import OpenRun, QueuedRun, tick_run_id
from crony_ops.model.spec import Cursor
from tests.faults.proof.history import Kind
from tests.unit.proof import losses
from tests.unit.proof.story import TTL, Story, T

if TYPE_CHECKING:
    from tests.faults.proof.history import Write


def begun(job_id: str = "j", name: str = "node-1", **fields: Any) -> Story:
    """A leader, two nodes, and a job that one of them holds from second 0 on."""
    story = Story()
    story.lead()
    story.register("node-1")
    story.register("node-2")
    story.want(job_id, **fields)
    story.assign(job_id, name)
    return story


def quiet(ticks: int = 3, **fields: Any) -> Story:
    story = begun(**fields)
    for tick in range(T + 1, T + 1 + ticks):
        story.until(tick - T - 0.6)
        story.ran("j", tick, "node-1")
    return story


def node_killed(**fields: Any) -> tuple[Story, QueuedRun | None]:
    """node-1 is killed under the run of second 2; its job goes to node-2, with a re-run if its job
    asks for one."""
    story = quiet(1, **fields)
    run = story.begin("j", T + 2, "node-1")
    story.until(2.3)
    story.fault(Kind.kill, "node-1", lasts=8)
    story.wait(TTL + 0.5)
    story.lapse("node-1")
    story.wait(0.05)
    _, lost = losses.declare_lost(story, "node-1")
    story.wait(0.05)
    losses.move(story, "j", "node-1", "node-2")
    _, rerun = losses.lost(story, run, "node-1")
    story.wait(0.05)
    losses.heard(story, run)
    losses.close(story, lost, losses.alert(story, Cause.node_lost, "node-1"))
    catch_up(story, 3, 6)
    return story, rerun


def node_lost(**fields: Any) -> Story:
    """It comes back."""
    story, rerun = node_killed(**fields)
    if rerun is not None:
        story.until(11.5)
        catch_up(story, 7, 11)
        story.carry_out(story.claim_queued("j", rerun, "node-2"), "node-2")
    story.register("node-1")
    return story


def replaced() -> Story:
    """A re-run waits for a run that the next tick replaces, and is replaced with it."""
    story, rerun = node_killed(on_node_loss="rerun", concurrency="replace")
    assert rerun is not None
    story.until(11.5)
    catch_up(story, 7, 11)
    before = story.claim("j", T + 12, "node-2")
    story.until(12.02)
    story.act("start", before, "node-2")
    story.until(12.4)
    after = story.claim("j", T + 13, "node-2")
    story.until(13.02)
    story.end(before, "killed", reason=f"replaced by {after.run_id}")
    waited = story.claim_queued("j", rerun, "node-2")
    story.end(waited, "skipped", reason=f"replaced by {after.run_id} before it could start")
    story.carry_out(after, "node-2")
    story.register("node-1")
    return story


def replaced_while_it_waited() -> Story:
    """A run takes its time to end: of the two ticks that replace it the newer one starts."""
    story = quiet(1, concurrency="replace")
    before = story.begin("j", T + 2, "node-1")
    story.until(2.6)
    waited = story.claim("j", T + 3, "node-1")
    story.until(3.6)
    after = story.claim("j", T + 4, "node-1")
    story.until(4.02)
    reason = f"replaced by {after.run_id} before it could start; replaced {before.run_id}"
    story.end(waited, "skipped", reason=reason)
    story.until(4.3)
    story.end(before, "killed", reason=f"replaced by {waited.run_id}")
    story.carry_out(after, "node-1")
    return story


def catch_up(story: Story, first: int, last: int, name: str = "node-2") -> None:
    """The newest of the missed seconds is made up, the others are a gap."""
    queued = QueuedRun(run_id=tick_run_id(T + last), tick=T + last, reason="made up")
    losses.missed(story, "j", name, T + first, T + last - 1, last - first, queued)
    story.carry_out(story.claim_queued("j", queued, name), name, lasts=0.05)


def edited() -> Story:
    """Another schedule: from the edit on, every fifth second."""
    story = quiet(2)
    story.until(2.5)
    story.want("j", schedule="*/5 * * * * *")
    story.wait(0.1)
    story.assign("j", "node-1")
    story.until(4.4)
    story.ran("j", T + 5, "node-1")
    return story


def edited_while_nobody_had_it() -> Story:
    """… by which what was due of it before is none of anybody's business."""
    story = quiet(presets=["env"])
    lost = losses.dead(story)
    story.write((story.keys.job(story.uuid("node-1"), "j"), None, 0))
    losses.close(story, lost, losses.alert(story, Cause.node_lost, "node-1"))
    story.until(20)
    story.want("j", schedule="*/5 * * * * *", presets=["env"])
    story.until(22)
    story.register("node-1")
    story.assign("j", "node-1")
    story.until(24.4)
    story.ran("j", T + 25, "node-1")
    return story


def paused() -> Story:
    """Paused for ten seconds, and run by hand meanwhile."""
    story = quiet(2)
    story.until(2.4)
    story.pause("j")
    story.until(6.1)
    story.write((story.keys.once("j"), b"", 0x55))
    asked = story.writes[-1].revision
    run = story.claim_once("j", f"{tick_run_id(T + 6)[:-1]}o{asked}", "node-1")
    story.carry_out(run, "node-1")
    story.until(12.2)
    story.resume("j")
    story.until(12.4)
    story.ran("j", T + 13, "node-1")
    return story


def resumed_when_a_node_had_just_come() -> Story:
    """Whoever resumed the job has not seen the cursor of the new node, which starts from now."""
    story = begun(run_on={"every": True})
    story.until(0.8)
    paused = story.pause("j")
    story.until(5.2)
    first = story.keys.cursor("j", story.uuid("node-1"))
    story.assign("j", "node-2")
    story.write((paused.key, None, 0), (first, Cursor(tick=T + 5), 0))
    for name in ("node-1", "node-2"):
        story.until(5.5)
        story.ran("j", T + 6, name)
    return story


def paused_unheard() -> Story:
    """As etcd was slow by itself, the node heard of the pause when the run was under way."""
    story = quiet()
    run = story.claim("j", T + 4, "node-1")
    story.fault(Kind.stall, "etcd-2", lasts=2.8)
    story.pause("j")
    story.wait(3)
    story.carry_out(run, "node-1")
    return story


def removed() -> Story:
    story = quiet(2)
    story.until(2.5)
    story.remove("j")
    story.wait(0.1)
    story.tidy("j", "node-1")
    story.wait(8)
    return story


def failing() -> Story:
    """A run that fails, of which people are told once."""
    story = begun()
    run = story.begin("j", T + 1, "node-1")
    story.wait(0.1)
    story.end(run, "failed", losses.news(story, run, "failed"))
    story.wait(0.02)
    losses.heard(story, run, losses.alert(story, Cause.failure, run.run_id, job="j"), failing=True)
    return story


def killed() -> Story:
    story = begun()
    run = story.claim("j", T + 1, "node-1")
    story.until(1.02)
    story.act("start", run, "node-1")
    story.wait(0.2)
    order = losses.kill_order(story, run)
    story.wait(0.1)
    story.end(run, "killed", reason="killed by ann")
    story.write((order.key, None, 0))
    return story


def skipped() -> Story:
    """The run of second 1 holds up that of second 2."""
    story = begun()
    first = story.claim("j", T + 1, "node-1")
    story.until(1.02)
    story.act("start", first, "node-1")
    story.until(1.4)
    second = story.claim("j", T + 2, "node-1")
    story.until(2.0)
    story.end(second, "skipped", reason=f"{first.run_id} was still running")
    story.until(2.2)
    story.act("end", first, "node-1")
    story.end(first)
    return story


def queued_behind_a_slow_run() -> Story:
    """Two are made up, one after the other; the second waits still when the job is paused."""
    story = begun(schedule="@yearly", shell="sleep 32")
    story.fault(Kind.cut, "node-1>etcd-1", lasts=0.1)
    first, second = (
        QueuedRun(run_id=tick_run_id(tick), tick=tick, reason="made up") for tick in (T - 2, T - 1)
    )
    story.write(story.queue(first, "j"), story.queue(second, "j"))
    story.wait(0.1)
    run = story.claim_queued("j", first, "node-1")
    story.carry_out(run, "node-1", lasts=32)
    story.pause("j")
    return story


def late_beside_others() -> Story:
    """A claim of j is in doubt for as long as it may be; k goes on."""
    story = begun()
    story.want("k")
    story.assign("k", "node-1")
    for tick in range(T + 1, T + 20):
        story.fault(Kind.delay, "node-1>etcd-1", lasts=0.5)
        story.ran("k", tick, "node-1", lasts=0.1)
    catch_up(story, 1, 19, "node-1")
    return story


def paused_before_the_agent_woke() -> Story:
    """… and all jobs are paused before it is awake."""
    story = quiet()
    story.fault(Kind.clock, "node-1", lasts=2, offset="-3600")
    story.until(34.5)
    story.pause("j")
    return story


def asleep_right_before_a_start_that_was_late() -> Story:
    """The machine kept node-1 from it until second 31.55; then the node was frozen."""
    story = begun(schedule="*/30 * * * * *")
    story.until(29.2)
    run = story.claim("j", T + 30, "node-1")
    story.until(31.6)
    story.fault(Kind.freeze, "node-1", lasts=5)
    story.until(35)
    story.lapse("node-1")
    story.until(36.65)
    story.act("start", run, "node-1")
    story.act("end", run, "node-1")
    story.end(run, started_at=T + 31.55)
    story.register("node-1")
    return story


def moved_with_its_run(story: Story, run: OpenRun) -> tuple[Write, QueuedRun]:
    """node-1 is lost at second 34; its job goes to node-2, which is to repeat the run."""
    story.until(34.4)
    gone = story.lapse("node-1")
    story.wait(0.1)
    _, lost = losses.declare_lost(story, "node-1")
    losses.move(story, "j", "node-1", "node-2")
    _, rerun = losses.lost(story, run, "node-1")
    losses.heard(story, run)
    losses.close(story, lost, losses.alert(story, Cause.node_lost, "node-1"))
    assert rerun is not None
    return gone, rerun


def fenced() -> Story:
    """node-1 is cut off: it ends its run by itself before node-2 repeats it."""
    story = begun(on_node_loss="rerun", shell="sleep 60", schedule="*/30 * * * * *")
    run = story.begin("j", T + 30, "node-1")
    story.until(31)
    story.fault(Kind.cut, "node-1>etcd-1", lasts=20)
    _, rerun = moved_with_its_run(story, run)
    story.until(40)
    story.carry_out(story.claim_queued("j", rerun, "node-2"), "node-2")
    story.until(52)
    story.register("node-1")
    reason = "this node's lease ran out"
    losses.overruled(story, story.record(run, "fenced", reason=reason, ended_at=T + 34.2))
    return story


def pinned_through_an_outage() -> Story:
    """etcd is away for seconds 2 and 3; the pinned job is run by its node's journal."""
    story = quiet(1, run_on={"node": "node-1"})
    story.until(1.3)
    story.fault(Kind.kill, "etcd-1", lasts=2.5)
    runs = [story.open_run("j", tick, "node-1") for tick in (T + 2, T + 3)]
    for run in runs:
        story.now = run.tick + 0.02
        story.act("start", run, "node-1")
        story.wait(0.1)
        story.act("end", run, "node-1")
    story.until(4.0)
    story.write((story.keys.cursor("j"), b'{"tick":%d}' % (T + 3), 0))
    for run in runs:
        story.write((story.keys.run("j", run.run_id), story.record(run), 0))
    return story


def everywhere() -> Story:
    story = begun(run_on={"every": True})
    story.assign("j", "node-2")
    for tick in (T + 1, T + 2):
        for name in ("node-1", "node-2"):
            story.now = tick - 0.5
            story.ran("j", tick, name)
    return story
