"""Did a node that had lost its lease start what it had claimed, or go on with what another node may
run again?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from crony_ops.model.run import RunKind, RunRecord
from tests.faults.proof.checker.asleep import longest_awake
from tests.faults.proof.checker.carried_out import carried_out
from tests.faults.proof.checker.index import assignment, timing
from tests.faults.proof.checker.violation import Violation
from tests.faults.proof.history import Kind

if TYPE_CHECKING:
    from tests.faults.proof.checker.index import Claim, Index
    from tests.faults.proof.checker.trouble import Trouble
    from tests.faults.proof.history import Write

AWAKE = 1.0
"""Seconds that an agent may take to see that it has slept."""


def ends_within(index: Index) -> float:
    """Seconds awake in which an agent ends a run that another node may repeat."""
    return index.setup.kill_grace + AWAKE + index.setup.tolerance


def unfenced(index: Index, trouble: Trouble) -> Iterator[Violation]:
    """Past the end of a lease nothing starts under it, and what runs is over when it has had its
    grace."""
    for done in carried_out(index):
        claim, acts = done.claim, done.acts
        if claim is None or (run := claim.run).bound:
            continue
        ended = _lease_end(index, claim, acts[-1].at)
        if ended is None:
            continue
        gone, over = ended
        name = f"{run.run_id} of {run.job_id}"
        tolerance, longest = index.setup.tolerance, ends_within(index)
        node = index.names.get(claim.node, "")
        starts = (act for act in acts if act.event == "start" and act.at > over + tolerance)
        late = next((act for act in starts if run.fenceable or act.attempt == 1), None)
        if late is not None and not _was_on_its_way(index, trouble, claim, late.at):
            what = f"{name} started {late.at - over:.1f} s after the end of its node's lease"
            yield Violation("past its lease a node starts nothing", what, (claim.write, gone, late))
            continue
        if not run.fenceable:
            continue
        # A frozen agent ends nothing; a killed one is followed by its children at once.
        still = next((a for a in acts if longest_awake(index, node, over, a.at) > longest), None)
        if still is not None:
            what = f"{name} went on {still.at - over:.1f} s after the end of its node's lease"
            yield Violation("past its lease a node ends re-runs", what, (claim.write, gone, still))


def _was_on_its_way(index: Index, trouble: Trouble, claim: Claim, at: float) -> bool:
    """Whether its agent was frozen when it was about to start it: nothing can be looked at between
    the last look and the start."""
    node, run = index.names.get(claim.node, ""), claim.run
    freeze = trouble.of_kind(node, {Kind.freeze}, at - AWAKE, at)
    held = index.before(index.keys.job(claim.node, run.job_id), claim.write.revision)
    if freeze is None or held is None:
        return False
    # The claim was made before it was seen.
    first, last = run.claimed_at, claim.write.at
    if run.kind is RunKind.tick:
        _, splay = timing(assignment(held.value or "").job, run.job_id)
        first, last = max(first, run.tick + splay), max(last, run.tick + splay)
    # By its record it was about to start then, as late as the machine let it come to that.
    last = max([last, *(at for at in _starts_told(index, claim) if at <= freeze.began)])
    return first <= freeze.began <= last + AWAKE


def _starts_told(index: Index, claim: Claim) -> Iterator[float]:
    for end in index.ends_of.get((claim.run.job_id, claim.run.run_id), ()):
        if isinstance(end.record, RunRecord) and end.record.started_at is not None:
            yield end.record.started_at


def _lease_end(index: Index, claim: Claim, until: float) -> tuple[Write, float] | None:
    """What showed that the node's key had left the lease that the run was claimed under, and when
    the lease was over; None if that was not before ``until``.

    It is not over before it would have run out from its last renewal on, by which the node puts its
    key: an etcd leader that was frozen ends leases on waking that the next leader had renewed
    (etcd's issue 15247; mended in its later releases).
    """
    key, revision = index.keys.node(claim.node), claim.write.revision
    renewed = index.before(key, revision)
    while (write := index.next_write(key, revision)) is not None and write.at <= until:
        if write.value is None:
            return write, max(write.at, renewed.at + index.setup.ttl if renewed else 0.0)
        if write.lease != claim.run.incarnation:
            return write, write.at
        renewed, revision = write, write.revision
    return None
