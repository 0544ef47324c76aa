"""How each job stands, in one word, and why it has no node to run on. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from crony_ops.cli.terminal.output import span
from crony_ops.cli.view.allocation import fleet_of, movable
from crony_ops.watcher.eligibility import matches, reason_unplaced

if TYPE_CHECKING:
    from crony_ops.cli.view.cluster_view import ClusterView
    from crony_ops.model.spec import Spec


class State(StrEnum):
    """What matters most about a job; of several that hold, the first one."""

    paused = "paused"
    unassigned = "unassigned"
    failing = "failing"
    ok = "ok"


@dataclass(frozen=True, slots=True)
class Standing:
    """``nodes`` are the uuids that hold the job, living or lost; ``running`` counts its open runs.

    ``reason`` says why the job is not ``ok``. ``unassigned`` means that no living node holds it.
    """

    job_id: str
    state: State
    nodes: tuple[str, ...]
    running: int
    reason: str


def standings(view: ClusterView, now: float) -> dict[str, Standing]:
    """By job id, for every wanted job. ``now`` is in unix seconds."""
    running = Counter(run.job_id for run in view.opens)
    found = {}
    for job_id in view.specs:
        state, reason = _state(view, job_id, now)
        nodes = view.assigned.get(job_id, ())
        found[job_id] = Standing(job_id, state, nodes, running[job_id], reason)
    return found


def why_no_node(view: ClusterView, job_id: str, now: float) -> str:
    """Why no living node holds a wanted job, in words; empty if one does."""
    nodes = view.assigned.get(job_id, ())
    if view.alive.intersection(nodes):
        return ""
    spec = view.specs[job_id]
    return _on_lost_node(view, spec, nodes[0], now) if nodes else _nowhere(view, spec)


def _state(view: ClusterView, job_id: str, now: float) -> tuple[State, str]:
    pause = view.pauses.get(job_id)
    if pause is not None:
        why = f": {pause.why}" if pause.why else ""
        until = ""
        if pause.until is not None:
            left = pause.until - now
            until = f", for another {span(left)}" if left > 0 else ", until a watcher ends it"
        return State.paused, f"by {pause.who}, {span(now - pause.at)} ago{until}{why}"
    if reason := why_no_node(view, job_id, now):
        return State.unassigned, reason
    health = view.healths.get(job_id)
    if health is not None and health.failing:
        since = f" for {span(now - health.failing_since)}" if health.failing_since else ""
        return State.failing, f"{health.consecutive_failures} in a row{since}: " + (
            health.last_reason or "no reason given"
        )
    return State.ok, ""


def _on_lost_node(view: ClusterView, spec: Spec, node: str, now: float) -> str:
    name = view.name_of(node)
    roster = view.rosters.get(node)
    lost = f"{name} is lost"
    if roster is not None and roster.lost_at is not None:
        lost = f"{name} was lost {span(now - roster.lost_at)} ago"
    if view.leader is None:
        return f"{lost}, and no watcher leads"
    if spec.job.run_on.node is not None:
        return f"{lost}, and the job is pinned to it"
    if spec.job.run_on.every:
        return f"{lost}, and no other node is meant"
    if not movable(view, spec):
        return f"{lost}: a shell job that names no preset stays with its node"
    return f"{lost}, and the watcher is about to move the job"


def _nowhere(view: ClusterView, spec: Spec) -> str:
    run_on = spec.job.run_on
    fleet = fleet_of(view)
    unfit = fleet.cordoned | fleet.skewed
    if not any(
        uuid not in unfit and matches(run_on, node) and node.offers(spec.preset_sums)
        for uuid, node in view.nodes.items()
    ):
        return reason_unplaced(run_on, spec.preset_sums, fleet)
    if view.leader is None:
        return "no watcher leads: nobody gives it a node"
    return "a node would do, but the watcher has not placed it yet"
