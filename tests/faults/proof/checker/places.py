"""Is every job where it may be? Pinned jobs at home, presets at hand, cordons respected."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tests.faults.proof.checker.index import assignment, spec
from tests.faults.proof.checker.violation import Violation

if TYPE_CHECKING:
    from crony_ops.model.job import Job
    from tests.faults.proof.checker.index import Index
    from tests.faults.proof.checker.trouble import Trouble
    from tests.faults.proof.history import Write

NOTICED = 2.0
"""Seconds after which the leader knows of an order, where nothing keeps it from etcd."""


def out_of_place(index: Index) -> Iterator[Violation]:
    """Claims, and what really ran, on nodes where the job has no business."""
    for claim in index.claims:
        held = index.before(index.keys.job(claim.node, claim.run.job_id), claim.write.revision)
        if held is None:
            continue
        job = assignment(held.value or "").job
        name = index.names.get(claim.node, claim.node)
        if why := _no_place(index, job, name):
            what = f"{claim.run.run_id} of {claim.run.job_id} was claimed by {name}, {why}"
            yield Violation("jobs run where they may", what, (held, claim.write))
    for act in index.history.ledger:
        written = [
            w for w in index.versions(index.keys.spec(act.job)) if w.value and w.at <= act.at
        ]
        if act.event != "start" or act.node not in index.setup.nodes or not written:
            continue
        # A job that was just edited may still run as it was.
        reasons = [_no_place(index, spec(w.value or "").job, act.node) for w in written]
        if all(reasons):
            what = f"{act.run} of {act.job} ran on {act.node}, {reasons[-1]}"
            yield Violation("jobs run where they may", what, (written[-1], act))


def _no_place(index: Index, job: Job, name: str) -> str:
    """Why a node is no place for the job; empty where it is one."""
    node = index.setup.nodes.get(name)
    if node is None:
        return "which is none of ours"
    if job.run_on.node not in (None, name, node.uuid):
        return f"and it is pinned to {job.run_on.node}"
    if job.run_on.group is not None and job.run_on.group not in node.groups:
        return f"which is not in group {job.run_on.group}"
    lacking = [preset for preset in job.presets if preset not in node.presets]
    return f"which lacks preset {lacking[0]}" if lacking else ""


def given_to_a_cordoned_node(index: Index, trouble: Trouble) -> Iterator[Violation]:
    for write in index.under(index.keys.jobs):
        node, job_id = index.tail(write, index.keys.jobs)
        if write.value is None or index.before(write.key, write.revision) is not None:
            continue
        cordon = index.before(index.keys.cordon(node), write.revision)
        if cordon is not None and _known_by(index, trouble, cordon, write):
            what = f"{job_id} was given to {index.names.get(node, node)}, which was cordoned"
            yield Violation("a cordoned node gets no new jobs", what, (cordon, write))


def _known_by(index: Index, trouble: Trouble, cordon: Write, write: Write) -> bool:
    decided = min(write.at, assignment(write.value or "").assigned_at)
    return trouble.quiet(index.setup.watchers, cordon.at, decided) > NOTICED
