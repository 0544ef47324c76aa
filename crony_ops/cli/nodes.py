"""`crony-ops nodes`: the machines, and one of them from near by."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from crony_ops.cli.completion import node_names
from crony_ops.cli.live import live
from crony_ops.cli.standing.text import in_words, nodes_table
from crony_ops.cli.terminal.connection import Cluster, connected_to_fleet
from crony_ops.cli.terminal.output import Output, OutputOption, say, show, span, table
from crony_ops.cli.view.cluster_view import ClusterView, look
from crony_ops.cli.view.expected import expected_of
from crony_ops.cli.view.lookup import node_named
from crony_ops.cli.view.node_parts import NodePart, node_parts
from crony_ops.errors import InvalidInput

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console


@dataclass(frozen=True, slots=True)
class NodeList:
    """The living nodes by name, then the lost and the missing ones. ``at`` is in unix seconds."""

    at: float
    nodes: tuple[NodePart, ...]


@dataclass(frozen=True, slots=True)
class RunThere:
    """A run that is claimed or running. ``node`` is a uuid."""

    node: str
    job_id: str
    run_id: str


@dataclass(frozen=True, slots=True)
class NodeStory:
    """One node. ``presets`` maps a name to the sha256 sums that are ready; ``jobs`` are the ids of
    those that it holds, ``open`` the runs claimed or running there. ``at`` is in unix seconds."""

    at: float
    node: NodePart
    presets: dict[str, tuple[str, ...]]
    jobs: tuple[str, ...]
    open: tuple[RunThere, ...]


@connected_to_fleet
def nodes(
    cluster: Cluster,
    name: Annotated[
        str | None, typer.Argument(help="one node, by name or uuid", autocompletion=node_names)
    ] = None,
    live_: Annotated[
        bool, typer.Option("--live", help="how the machine is doing, until Ctrl-C")
    ] = False,
    once: Annotated[bool, typer.Option("--once", help="with --live: look once")] = False,
    output: OutputOption = Output.text,
) -> None:
    """List the nodes, living, lost and missing; or tell all about one.

    A missing one is a host in group `nodes` of the inventory, where one is configured, that has no
    agent.

    The document of `--output json` is {at, nodes: [NodePart]}, or for one node {at, node, presets,
    jobs, open: [{node, job_id, run_id}]}; times are in unix seconds. With --live it is {node,
    system: SystemInfo}, of one look; so it is wherever stdout is no terminal.

    Examples:
      $ crony-ops nodes
      $ crony-ops nodes node-1
      $ crony-ops nodes node-1 --live --once
    """
    if (live_ or once) and (name is None or not live_):
        raise InvalidInput(reason="--live wants the name of one node, and --once wants --live")
    view, now = look(cluster.etcd), time.time()
    if live_ and name is not None:
        live(cluster.etcd, view, node_named(view, name), output, once=once)
        return
    parts = node_parts(view, _expected(cluster.inventory))
    if name is None:
        show(NodeList(now, parts), output, lambda console: console.print(nodes_table(parts, now)))
        return
    story = node_story(view, _part_named(view, parts, name), now)
    show(story, output, lambda console: _print(console, story, now))


def _expected(inventory: Path | None) -> frozenset[str] | None:
    found = expected_of(inventory)
    if found.trouble:
        say(f"not compared with the inventory: {found.trouble}")
    return found.nodes


def _part_named(view: ClusterView, parts: tuple[NodePart, ...], name: str) -> NodePart:
    """Raises UnknownName."""
    missing = (part for part in parts if part.state == "missing" and part.name == name)
    found = next(missing, None)
    if found is None:
        uuid = node_named(view, name)
        found = next(part for part in parts if part.uuid == uuid)
    return found


def node_story(view: ClusterView, node: NodePart, now: float) -> NodeStory:
    """All about the node, at ``now`` in unix seconds."""
    uuid = node.uuid
    known = view.nodes.get(uuid) or (view.rosters[uuid].node if uuid in view.rosters else None)
    return NodeStory(
        at=now,
        node=node,
        presets=dict(known.presets) if known else {},
        jobs=tuple(sorted(job_id for job_id, held in view.assigned.items() if uuid in held)),
        open=tuple(RunThere(*run) for run in view.opens if run.node == uuid),
    )


def _print(console: Console, story: NodeStory, now: float) -> None:
    node = story.node
    console.print(nodes_table((node,), now))
    console.print(f"uuid      {node.uuid or '-'}")
    console.print(f"address   {node.ip or '-'}")
    console.print(f"groups    {', '.join(node.groups) or '-'}")
    if node.lost_at is not None:
        console.print(f"lost      {span(now - node.lost_at)} ago")
    if node.failover is not None:
        console.print(f"failover  {in_words(node.failover)}")
    if story.presets:
        rows = [(name, ", ".join(t[:12] for t in sums)) for name, sums in story.presets.items()]
        console.print(table("PRESET", "READY AT", rows=rows))
    if story.open:
        console.print(
            table("RUNNING", "RUN", rows=[(run.job_id, run.run_id) for run in story.open])
        )
    if story.jobs:
        console.print(table("JOB", rows=[(job_id,) for job_id in story.jobs]))
