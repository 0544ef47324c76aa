"""Which jobs `jobs` lists. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from crony_ops.cli.view.lookup import node_named
from crony_ops.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crony_ops.cli.view.cluster_view import ClusterView
    from crony_ops.cli.view.job_standing import Standing
    from crony_ops.model.job import Job


class Shown(StrEnum):
    """Those in a state, or those that run right now."""

    ok = "ok"
    failing = "failing"
    paused = "paused"
    unassigned = "unassigned"
    running = "running"


@dataclass(frozen=True, slots=True)
class JobFilter:
    """A job is listed if it has all ``labels`` (a value of None: any), is meant for one of the
    ``groups``, is held by one of the ``nodes`` (uuids) and is in one of the ``states``. What is
    empty is no condition."""

    labels: tuple[tuple[str, str | None], ...] = ()
    groups: frozenset[str] = frozenset()
    nodes: frozenset[str] = frozenset()
    states: frozenset[Shown] = frozenset()

    def lets(self, job: Job, standing: Standing) -> bool:
        return (
            all(_has(job, name, value) for name, value in self.labels)
            and (not self.groups or job.run_on.group in self.groups)
            and (not self.nodes or not self.nodes.isdisjoint(standing.nodes))
            and (not self.states or not self.states.isdisjoint(_states(standing)))
        )


def read_filter(
    view: ClusterView,
    *,
    labels: Sequence[str],
    groups: Sequence[str],
    nodes: Sequence[str],
    states: Sequence[Shown],
) -> JobFilter:
    """As written on a command line: ``labels`` as NAME or NAME=VALUE, ``nodes`` by name or uuid.

    Raises UnknownName for a node, and InvalidInput for a label without a name.
    """
    wanted = []
    for label in labels:
        name, has_value, value = label.partition("=")
        if not name:
            raise InvalidInput(reason=f"--label {label!r}: write it as NAME or NAME=VALUE")
        wanted.append((name, value if has_value else None))
    return JobFilter(
        labels=tuple(wanted),
        groups=frozenset(groups),
        nodes=frozenset(node_named(view, node) for node in nodes),
        states=frozenset(states),
    )


def _has(job: Job, name: str, value: str | None) -> bool:
    return name in job.labels and value in (None, job.labels[name])


def _states(standing: Standing) -> set[Shown]:
    running = {Shown.running} if standing.running else set()
    return {Shown(standing.state.value), *running}
