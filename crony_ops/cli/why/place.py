"""Why a job is on its node, and on no other: each node's fitness for it, in words. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crony_ops.cli.terminal.output import span
from crony_ops.cli.view.allocation import fleet_of, want_of
from crony_ops.watcher.eligibility import matches, may_have
from crony_ops.watcher.placement import place

if TYPE_CHECKING:
    from crony_ops.cli.view.cluster_view import ClusterView
    from crony_ops.model.node import Node
    from crony_ops.model.spec import Spec
    from crony_ops.watcher.eligibility import Want


@dataclass(frozen=True, slots=True)
class NodeFit:
    """``may``: the node could be given the job; ``holds``: it has it. ``jobs`` counts all that the
    node holds. ``reason`` is the one that decides, for or against."""

    node: str
    uuid: str
    may: bool
    holds: bool
    jobs: int
    reason: str


def node_fits(view: ClusterView, job_id: str, now: float) -> tuple[NodeFit, ...]:
    """Every node, living or lost: whoever holds the job, then those that may have it, the one with
    the fewest jobs first, then the others by name."""
    spec = view.specs[job_id]
    want = want_of(view, job_id, spec)
    fleet = fleet_of(view)
    load = Counter(node for nodes in view.assigned.values() for node in nodes)
    holders = view.assigned.get(job_id, ())
    chosen = _would_get(view, want)
    fits = []
    for uuid in view.alive | view.rosters.keys():
        may = may_have(want, uuid, fleet)
        holds = uuid in holders
        obstacle = "" if may else _obstacle(view, spec, uuid, now)
        if holds:
            reason = _of_holder(view, spec, obstacle)
        elif not may:
            reason = obstacle
        else:
            reason = _of_candidate(view, spec, uuid, chosen, load)
        fits.append(NodeFit(view.name_of(uuid), uuid, may, holds, load[uuid], reason))
    return tuple(sorted(fits, key=lambda f: (not f.holds, not f.may, f.jobs * f.may, f.node)))


def _would_get(view: ClusterView, want: Want) -> str:
    """The uuid of the node that the leader would give the job now; empty if none, or if the job
    stays where it is."""
    assigned = {job: dict.fromkeys(nodes, 0) for job, nodes in view.assigned.items()}
    busy = frozenset((run.node, run.job_id) for run in view.opens)
    steps = place([want], assigned, fleet_of(view), busy).steps
    return next((step.target for step in steps if step.source != step.target), "")


def _obstacle(view: ClusterView, spec: Spec, uuid: str, now: float) -> str:
    """The first reason why the node can't be given the job."""
    if uuid not in view.alive:
        lost_at = view.rosters[uuid].lost_at
        return "it is lost" if lost_at is None else f"it was lost {span(now - lost_at)} ago"
    node = view.nodes.get(uuid)
    if node is None:
        return "its record can't be read"
    if not matches(spec.job.run_on, node):
        run_on = spec.job.run_on
        return f"it is not {run_on.node}" if run_on.node else f"it is not in group {run_on.group}"
    if not node.offers(spec.preset_sums):
        return _missing_presets(spec, node)
    roster = view.rosters.get(uuid)
    if roster is not None and roster.clock_offset is not None:
        return f"its clock is {roster.clock_offset:+.1f} s off"
    cordon = view.cordons.get(uuid)
    if cordon is None:
        return "it can't be told why not"
    why = f": {cordon.why}" if cordon.why else ""
    return f"{'drained' if cordon.evict else 'cordoned'} by {cordon.who}{why}"


def _missing_presets(spec: Spec, node: Node) -> str:
    missing = []
    for name, total in sorted(spec.preset_sums.items()):
        if total not in node.presets.get(name, ()):
            failure = node.preset_failures.get(name)
            missing.append(f"{name}@{total[:4]}" + (f" ({failure.reason})" if failure else ""))
    return f"preset {', '.join(missing)} is not ready there"


def _of_holder(view: ClusterView, spec: Spec, obstacle: str) -> str:
    if not obstacle:
        return "holds it; a job moves only when it must"
    if spec.job.run_on.bound:
        return f"holds it, and no other node is meant; {obstacle}"
    leads = "" if view.leader else "; no watcher leads"
    return f"holds it, and would not be given it now: {obstacle}{leads}"


def _of_candidate(view: ClusterView, spec: Spec, uuid: str, chosen: str, load: Counter[str]) -> str:
    if uuid == chosen or spec.job.run_on.every:
        leads = "" if view.leader else ", but no watcher leads"
        fewest = "" if spec.job.run_on.every else ": it has the fewest jobs of those that may"
        return f"would be given it now{fewest}{leads}"
    if not chosen:
        return "may have it, but the job stays where it is"
    if load[uuid] > load[chosen]:
        return f"may have it, but has more jobs than {view.name_of(chosen)}"
    return f"may have it; {view.name_of(chosen)} comes first among equals"
