"""What of `status` is news to somebody who watches it: not that time has passed. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crony_ops.cli.standing.document import StatusDocument
    from crony_ops.cli.view.node_parts import NodePart

_IN_MOTION = {"seen_at"}


def facts(document: StatusDocument) -> dict[str, object]:
    """What each line says, by its label, but for what changes by itself; a node's by its name,
    with a space before it. Equal facts: nothing to tell."""
    jobs = document.jobs
    return {
        "cluster": [(m.name, m.error, m.is_leader, m.alarms) for m in document.etcd],
        "watcher": document.watcher,
        "sync": document.sync,
        "jobs": (jobs.total, jobs.ok, jobs.failing, jobs.paused, jobs.unassigned, jobs.running),
        **{f" {node.name}": _of_node(node) for node in document.nodes},
        "failing": [(each.job, each.in_a_row) for each in document.failing],
        "no node": [each.job for each in document.unassigned],
        "failover": document.failovers,
        "alerts": ([alert.id for alert in document.alerts], document.delivery),
        "broken": document.unreadable,
    }


def changed(before: Mapping[str, object], after: Mapping[str, object]) -> frozenset[str]:
    """The labels of what is not the same; of what is gone, too."""
    return frozenset(
        label for label in before.keys() | after.keys() if before.get(label) != after.get(label)
    )


def _of_node(node: NodePart) -> list[object]:
    return [getattr(node, name) for name in node.__slots__ if name not in _IN_MOTION]
