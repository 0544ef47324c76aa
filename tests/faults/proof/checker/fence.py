"""Did a node that had lost its lease start what it had claimed, or go on with what another node may
run again?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tests.faults.proof.checker.index import assignment
from tests.faults.proof.checker.violation import Violation
from tests.faults.proof.history import Kind

if TYPE_CHECKING:
    from tests.faults.proof.checker.index import Claim, Index
    from tests.faults.proof.checker.trouble import Trouble
    from tests.faults.proof.history import Write

AWAKE = 1.0
"""Seconds that an agent may take to see that it has slept."""


def unfenced(index: Index, trouble: Trouble) -> Iterator[Violation]:
    """A lease ends in etcd after its owner's own deadline, never before: from there on nothing
    starts under it, and what runs is over when it has had its grace."""
    for claim in index.claims:
        run = claim.run
        acts = index.acts_of.get((run.job_id, run.run_id))
        if not acts or run.bound:
            continue
        gone = _lease_end(index, claim, acts[-1].at)
        if gone is None:
            continue
        name = f"{run.run_id} of {run.job_id}"
        tolerance, grace = index.setup.tolerance, index.setup.kill_grace + AWAKE
        node = index.names.get(claim.node, "")
        starts = (act for act in acts if act.event == "start" and act.at > gone.at + tolerance)
        late = next((act for act in starts if run.fenceable or act.attempt == 1), None)
        if late is not None and not _was_on_its_way(index, trouble, claim, late.at):
            what = f"{name} started {late.at - gone.at:.1f} s after the end of its node's lease"
            yield Violation("past its lease a node starts nothing", what, (claim.write, gone, late))
            continue
        if not run.fenceable:
            continue
        still = next((a for a in acts if a.at > gone.at + grace + tolerance), None)
        if still is None:
            continue
        # A frozen agent ends nothing; a killed one is followed by its children at once.
        since = still.at - grace - tolerance
        if trouble.of_kind(node, {Kind.freeze}, since, still.at) is None:
            what = f"{name} went on {still.at - gone.at:.1f} s after the end of its node's lease"
            yield Violation("past its lease a node ends re-runs", what, (claim.write, gone, still))


def _was_on_its_way(index: Index, trouble: Trouble, claim: Claim, at: float) -> bool:
    """Whether it is a request that its agent may have begun to send when it was frozen."""
    held = index.before(index.keys.job(claim.node, claim.run.job_id), claim.write.revision)
    if held is None or assignment(held.value or "").job.http is None:
        return False
    node = index.names.get(claim.node, "")
    return trouble.of_kind(node, {Kind.freeze}, at - AWAKE, at) is not None


def _lease_end(index: Index, claim: Claim, until: float) -> Write | None:
    """When the node's key left the lease that the run was claimed under, if before ``until``."""
    key, revision = index.keys.node(claim.node), claim.write.revision
    while (write := index.next_write(key, revision)) is not None and write.at <= until:
        if write.value is None or write.lease != claim.run.incarnation:
            return write
        revision = write.revision
    return None
