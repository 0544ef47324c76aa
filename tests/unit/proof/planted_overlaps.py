"""Planted errors in what runs beside what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crony_ops.model.alert import Cause
from tests.faults.proof.history import Kind
from tests.unit.proof import losses, sound
from tests.unit.proof.planted import Planted, held_by, plant
from tests.unit.proof.story import T

if TYPE_CHECKING:
    from tests.faults.proof.checker.violation import Evidence

RULE = "forbid never overlaps"


@plant
def runs_that_overlap_though_their_job_forbids_it() -> Planted:
    story = sound.begun()
    first = story.claim("j", T + 1, "node-1")
    story.until(1.02)
    begun = story.act("start", first, "node-1")
    story.until(1.4)
    second = story.claim("j", T + 2, "node-1")
    story.until(2.02)
    beside = story.act("start", second, "node-1")
    story.until(3.2)
    story.act("end", first, "node-1")
    story.end(first)
    story.act("end", second, "node-1")
    story.end(second)
    evidence: list[Evidence] = [story.opened(first), begun, beside]
    return Planted(story.history(), RULE, evidence)


@plant
def a_run_beside_the_one_before_the_last() -> Planted:
    """The job was with another node in between, where a run was nobody's fault."""
    story = sound.begun(schedule="*/10 * * * * *", shell="sleep 30")
    first = story.begin("j", T + 10, "node-1")
    begun = story.ledger[-1]
    story.until(11)
    lost = losses.dead(story)
    losses.move(story, "j", "node-1", "node-2")
    losses.lost(story, first, "node-1")
    losses.heard(story, first)
    losses.close(story, lost, losses.alert(story, Cause.node_lost, "node-1"))
    story.until(16.5)
    story.register("node-1")
    story.until(19.4)
    story.ran("j", T + 20, "node-2")
    left = (held_by(story, "node-2"), None, 0)
    story.assign("j", "node-1", left, anew=False, moved_from=story.uuid("node-2"))
    third = story.begin("j", T + 30, "node-1")
    beside = story.ledger[-1]
    story.until(38)
    for run in (first, third):
        story.act("end", run, "node-1")
    story.end(third)
    losses.overruled(story, story.record(first))
    evidence: list[Evidence] = [story.opened(first), begun, beside]
    return Planted(story.history(), RULE, evidence)


@plant
def a_run_beside_one_that_its_own_node_came_back_to() -> Planted:
    once: dict[str, Any] = {"run_on": {"node": "node-1"}, "concurrency": "forbid"}
    story = sound.begun(schedule="*/10 * * * * *", shell="sleep 30", **once)
    first = story.begin("j", T + 10, "node-1")
    begun = story.ledger[-1]
    story.until(11)
    lost = losses.dead(story)
    losses.close(story, lost, losses.alert(story, Cause.node_lost, "node-1"))
    story.until(16.5)
    story.register("node-1")
    second = story.begin("j", T + 20, "node-1")
    beside = story.ledger[-1]
    story.until(38)
    story.act("end", second, "node-1")
    story.end(second)
    story.until(40)
    story.act("end", first, "node-1")
    story.end(first)
    story.pause("j")
    evidence: list[Evidence] = [story.opened(first), begun, beside]
    return Planted(story.history(), RULE, evidence)


@plant
def runs_of_the_journal_that_overlap() -> Planted:
    story = sound.begun(run_on={"node": "node-1"})
    story.fault(Kind.kill, "etcd-1", lasts=5)
    first, second = (story.open_run("j", tick, "node-1") for tick in (T + 2, T + 3))
    story.until(2.02)
    begun = story.act("start", first, "node-1")
    story.until(3.02)
    beside = story.act("start", second, "node-1")
    story.until(8)
    for run in (first, second):
        story.act("end", run, "node-1")
        story.write((story.keys.run("j", run.run_id), story.record(run), 0))
    story.pause("j")
    return Planted(story.history(), RULE, [begun, beside])
