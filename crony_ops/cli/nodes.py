"""`crony-ops nodes`: the machines, and one of them from near by."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from crony_ops.cli.completion import node_names
from crony_ops.cli.live import live
from crony_ops.cli.standing.text import in_words, nodes_table
from crony_ops.cli.terminal.connection import connected
from crony_ops.cli.terminal.output import Output, OutputOption, show, span, table
from crony_ops.cli.view.cluster_view import ClusterView, look
from crony_ops.cli.view.lookup import node_named
from crony_ops.cli.view.node_parts import NodePart, node_parts
from crony_ops.errors import InvalidInput
from crony_ops.store.settings import EtcdSettings  # noqa: TC001 - read at runtime by `connected`

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True, slots=True)
class NodeList:
    """The living nodes by name, then the lost ones. ``at`` is in unix seconds."""

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


@connected
def nodes(
    settings: EtcdSettings,
    name: Annotated[
        str | None, typer.Argument(help="one node, by name or uuid", autocompletion=node_names)
    ] = None,
    live_: Annotated[
        bool, typer.Option("--live", help="how the machine is doing, until Ctrl-C")
    ] = False,
    once: Annotated[bool, typer.Option("--once", help="with --live: look once")] = False,
    output: OutputOption = Output.text,
) -> None:
    """List the nodes, living and lost; or tell all about one.

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
    view = look(settings)
    now = time.time()
    if name is None:
        parts = node_parts(view)
        show(NodeList(now, parts), output, lambda console: console.print(nodes_table(parts, now)))
        return
    if live_:
        live(settings, view, node_named(view, name), output, once=once)
        return
    story = node_story(view, node_named(view, name), now)
    show(story, output, lambda console: _print(console, story, now))


def node_story(view: ClusterView, uuid: str, now: float) -> NodeStory:
    """All about the node, which must be a known one, at ``now`` in unix seconds."""
    known = view.nodes.get(uuid) or (view.rosters[uuid].node if uuid in view.rosters else None)
    return NodeStory(
        at=now,
        node=next(part for part in node_parts(view) if part.uuid == uuid),
        presets=dict(known.presets) if known else {},
        jobs=tuple(sorted(job_id for job_id, held in view.assigned.items() if uuid in held)),
        open=tuple(RunThere(*run) for run in view.opens if run.node == uuid),
    )


def _print(console: Console, story: NodeStory, now: float) -> None:
    node = story.node
    console.print(nodes_table((node,), now))
    console.print(f"uuid      {node.uuid}")
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
