"""How each node stands, the lost ones too. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from crony_ops.model.cluster import Outcome

if TYPE_CHECKING:
    from crony_ops.cli.view.cluster_view import ClusterView
    from crony_ops.model.cluster import Failover


NodeState = Literal["up", "cordoned", "draining", "unreadable", "lost", "missing"]
GONE: tuple[NodeState, ...] = ("lost", "missing")
"""Of nodes without a living agent."""


@dataclass(frozen=True, slots=True)
class NotReady:
    """A preset that is not ready, and since when; ``at`` is in unix seconds."""

    preset: str
    reason: str
    at: float


@dataclass(frozen=True, slots=True)
class FailoverCounts:
    """What became of the jobs that ``node`` (a name) had. ``bound`` jobs can't run elsewhere.
    Times are in unix seconds, ``closed_at`` is None while it goes on."""

    node: str
    started_at: float
    closed_at: float | None
    moved: int
    failed: int
    bound: int
    lost_runs: int


@dataclass(frozen=True, slots=True)
class NodePart:
    """``seen_at`` is by the node's own clock; of a lost node, when the leader
    found it lost. ``clock_offset``: seconds that its clock is wrong,
    if that is too much. ``failover`` is that of the node's last loss, if it is lost.
    ``in_inventory``: whether the inventory has it in group `nodes`; null where none is configured,
    or it can't be read. A ``missing`` node is one that only the inventory knows: it has no uuid."""

    name: str
    uuid: str
    state: NodeState
    jobs: int
    running: int
    seen_at: float
    version: str
    ip: str
    groups: tuple[str, ...]
    presets: tuple[str, ...]
    not_ready: tuple[NotReady, ...]
    why: str
    clock_offset: float | None
    lost_at: float | None
    failover: FailoverCounts | None
    in_inventory: bool | None


def node_parts(view: ClusterView, expected: frozenset[str] | None = None) -> tuple[NodePart, ...]:
    """The living nodes by name, then the lost and the missing ones. ``expected``: the names that
    the inventory has, None where that is not known."""
    held = Counter(node for nodes in view.assigned.values() for node in nodes)
    running = Counter(run.node for run in view.opens)
    parts = [
        _node(view, uuid, held[uuid], running[uuid], expected)
        for uuid in view.alive | view.rosters.keys()
    ]
    parts += [_missing(name) for name in (expected or frozenset()) - {part.name for part in parts}]
    return tuple(sorted(parts, key=lambda node: (node.state in GONE, node.name, node.uuid)))


def _missing(name: str) -> NodePart:
    return NodePart(
        name=name,
        uuid="",
        state="missing",
        jobs=0,
        running=0,
        seen_at=0.0,
        version="",
        ip="",
        groups=(),
        presets=(),
        not_ready=(),
        why="",
        clock_offset=None,
        lost_at=None,
        failover=None,
        in_inventory=True,
    )


def _node(
    view: ClusterView, uuid: str, jobs: int, running: int, expected: frozenset[str] | None
) -> NodePart:
    roster = view.rosters.get(uuid)
    node = view.nodes.get(uuid) or (roster.node if roster else None)
    cordon = view.cordons.get(uuid)
    state: NodeState
    if uuid not in view.alive:
        state = "lost"
    elif uuid not in view.nodes:
        state = "unreadable"
    else:
        state = ("draining" if cordon.evict else "cordoned") if cordon else "up"
    last = max(
        (failover for failover in view.failovers if failover.node == uuid),
        key=lambda failover: failover.started_at,
        default=None,
    )
    name = node.name if node else uuid
    return NodePart(
        name=name,
        uuid=uuid,
        state=state,
        jobs=jobs,
        running=running,
        seen_at=view.nodes[uuid].renewed_at
        if uuid in view.nodes
        # The roster is written when something changes, not as long as the node is seen.
        else ((roster.lost_at or roster.seen_at) if roster else 0.0),
        version=node.version if node else "",
        ip=node.ip if node else "",
        groups=node.groups if node else (),
        presets=tuple(sorted(node.presets)) if node else (),
        not_ready=tuple(
            NotReady(preset, failure.reason, failure.at)
            for preset, failure in sorted(node.preset_failures.items())
        )
        if node
        else (),
        why=f"{'drained' if cordon.evict else 'cordoned'} by {cordon.who}"
        + (f": {cordon.why}" if cordon.why else "")
        if cordon
        else "",
        clock_offset=roster.clock_offset if roster else None,
        lost_at=roster.lost_at if roster and state == "lost" else None,
        failover=failover_counts(view, last) if last and state == "lost" else None,
        in_inventory=None if expected is None else name in expected,
    )


def failover_counts(view: ClusterView, failover: Failover) -> FailoverCounts:
    """While it is open, as far as it got."""
    outcomes = view.outcomes.get((failover.node, failover.incarnation), ())
    counting = failover.closed_at is None
    return FailoverCounts(
        node=failover.node_name,
        started_at=failover.started_at,
        closed_at=failover.closed_at,
        moved=sum(o.outcome is Outcome.moved for o in outcomes) if counting else failover.moved,
        failed=sum(o.outcome.failed for o in outcomes) if counting else failover.failed,
        bound=sum(o.outcome is Outcome.bound for o in outcomes) if counting else failover.bound,
        lost_runs=sum(o.lost_runs for o in outcomes) if counting else failover.lost_runs,
    )
