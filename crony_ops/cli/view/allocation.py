"""The questions of placement, asked of a look at the cluster: where could which job go? Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crony_ops.watcher.balance import balance
from crony_ops.watcher.eligibility import Fleet, Want, eligible, reason_unplaced

if TYPE_CHECKING:
    from crony_ops.cli.view.cluster_view import ClusterView
    from crony_ops.model.spec import Spec
    from crony_ops.watcher.placement import Step


def fleet_of(view: ClusterView) -> Fleet:
    """The nodes as the leader sees them."""
    return Fleet(
        alive={uuid: view.nodes.get(uuid) for uuid in view.alive},
        known={uuid: roster.node for uuid, roster in view.rosters.items()},
        cordoned=frozenset(view.cordons),
        evicting=frozenset(uuid for uuid, cordon in view.cordons.items() if cordon.evict),
        skewed=frozenset(u for u, r in view.rosters.items() if r.clock_offset is not None),
    )


def movable(view: ClusterView, spec: Spec) -> bool:
    """Whether another node may take the job over, as the leading watcher was told."""
    told = view.leader is not None and view.leader.cmd_auto_allocation
    return spec.job.movable or (told and not spec.job.run_on.bound)


def want_of(view: ClusterView, job_id: str, spec: Spec) -> Want:
    """The job as placement sees it."""
    return Want(job_id, 0, spec.job.run_on, spec.preset_sums, movable(view, spec))


def busy(view: ClusterView) -> frozenset[tuple[str, str]]:
    """(Node uuid, job id) with an open run."""
    return frozenset((run.node, run.job_id) for run in view.opens)


def moves_to_spread(view: ClusterView) -> list[Step]:
    """What a rebalance would do, the moves that have to wait for a run too (see `balance`)."""
    wants = [want_of(view, job_id, spec) for job_id, spec in view.specs.items()]
    assigned = {job_id: dict.fromkeys(nodes, 0) for job_id, nodes in view.assigned.items()}
    return balance(wants, assigned, fleet_of(view), busy(view), set(view.pauses))


def why_it_stays(view: ClusterView, job_id: str, uuid: str) -> str:
    """Why a drain of the node can't move a job off it, in words; empty if it can."""
    spec = view.specs.get(job_id)
    if spec is None:
        return "it left the job files, and is about to be taken away"
    if spec.job.run_on.node is not None:
        return "it is pinned to this node"
    if spec.job.run_on.every:
        return "it runs on every node"
    want = want_of(view, job_id, spec)
    if not want.movable:
        return "a shell job that names no preset stays with its node"
    fleet = fleet_of(view)
    if any(other != uuid for other in eligible(want, fleet)):
        return ""
    return reason_unplaced(want.run_on, want.preset_sums, fleet)
