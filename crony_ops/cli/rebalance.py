"""`crony-ops rebalance`: spread the jobs evenly over the nodes that may have them."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from crony_ops.cli.terminal.confirm import confirmed
from crony_ops.cli.terminal.connection import connected
from crony_ops.cli.terminal.operator import operator
from crony_ops.cli.terminal.output import Output, OutputOption, say, show, table
from crony_ops.cli.terminal.waiting import read_duration, wait_while
from crony_ops.cli.view.allocation import busy, moves_to_spread
from crony_ops.cli.view.cluster_view import ClusterView, look, read_cluster
from crony_ops.errors import CronyError, OutcomeUnknown
from crony_ops.model.cluster import Rebalance
from crony_ops.store.keys import Keys
from crony_ops.store.settings import EtcdSettings  # noqa: TC001 - read at runtime by `connected`
from crony_ops.store.txn import Txn, absent, put

if TYPE_CHECKING:
    from collections.abc import Collection

    from rich.console import Console

    from crony_ops.store.client import Etcd


class NotSpread(CronyError):
    message = "{count} jobs are not moved yet: {jobs}. The order stands, for a day at most"


@dataclass(frozen=True, slots=True)
class Move:
    """One job's way, by the names of the nodes. ``waits``: it has an open run, whose end it waits
    for."""

    job: str
    source: str
    target: str
    waits: bool


@dataclass(frozen=True, slots=True)
class Load:
    """How many jobs a living node has, and will have."""

    node: str
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class RebalanceDocument:
    """``at`` is in unix seconds; ``loads`` are of the living nodes, by name."""

    at: float
    moves: list[Move]
    loads: list[Load]


@connected
def rebalance(
    settings: EtcdSettings,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="show the moves, and order nothing")
    ] = False,
    wait: Annotated[bool, typer.Option("--wait", help="until all of it is done")] = False,
    timeout: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="how long --wait waits; for ever if not given"),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="don't ask")] = False,
    output: OutputOption = Output.text,
) -> None:
    """Spread the jobs evenly, by as few moves as that takes.

    Only jobs that another node may have move; a paused one does not, and one with an open run waits
    for its end. The leading watcher does it, and goes on though this command ends.

    The document of `--output json` is {at, moves: [{job, source, target, waits}], loads: [{node,
    before, after}]}.

    Examples:
      $ crony-ops rebalance --dry-run
      $ crony-ops rebalance --wait --yes
    """
    patience = read_duration("--timeout", timeout)
    view = look(settings)
    moves = planned(view)
    changed = loads(view, moves)
    document = RebalanceDocument(at=time.time(), moves=moves, loads=changed)
    show(document, output, lambda console: _print(console, moves, changed))
    if dry_run or not moves:
        return
    confirmed(f"Move {_jobs(len(moves))}?", yes)
    if view.leader is None:
        say("no watcher leads: the first that does will see to it")
    asyncio.run(order_rebalance(settings, wait, patience))


def planned(view: ClusterView) -> list[Move]:
    held = busy(view)
    return [
        Move(
            step.job_id,
            view.name_of(step.source),
            view.name_of(step.target),
            (step.source, step.job_id) in held,
        )
        for step in moves_to_spread(view)
    ]


def loads(view: ClusterView, moves: Collection[Move]) -> list[Load]:
    """Of the living nodes, by name."""
    held = Counter(view.name_of(uuid) for nodes in view.assigned.values() for uuid in nodes)
    after = held.copy()
    after.update(move.target for move in moves)
    after.subtract(move.source for move in moves)
    names = sorted(view.name_of(uuid) for uuid in view.alive)
    return [Load(name, held[name], after[name]) for name in names]


def _print(console: Console, moves: Collection[Move], changed: Collection[Load]) -> None:
    if not moves:
        console.print("nothing to move: the jobs are spread as evenly as may be")
        return
    rows = [(m.job, m.source, m.target, "when its run has ended" if m.waits else "") for m in moves]
    console.print(table("JOB", "FROM", "TO", "", rows=rows))
    spread = [(load.node, load.before, load.after) for load in changed]
    console.print(table("NODE", "JOBS", "THEN", rows=spread, right=("JOBS", "THEN")))


async def order_rebalance(settings: EtcdSettings, wait: bool, patience: int | None) -> None:
    from crony_ops.store.client import Etcd

    keys = Keys(settings.prefix)
    async with Etcd(settings) as etcd:
        is_first = await _put(etcd, keys, Rebalance(who=operator(), at=time.time()))
        say("the watcher moves them" if is_first else "a rebalance is under way already")
        if not wait:
            return

        async def left() -> list[str] | None:
            if await etcd.get(keys.rebalance) is None:
                return None
            return [move.job for move in planned(await read_cluster(etcd, keys))]

        jobs = await wait_while(left, "moving", patience)
        if jobs:
            raise NotSpread(count=len(jobs), jobs=", ".join(sorted(jobs)[:10]))
        say("done")


async def _put(etcd: Etcd, keys: Keys, order: Rebalance) -> bool:
    """False: somebody has asked for the same before, and it is under way. Raises StoreError."""
    value = order.to_json()
    try:
        result = await etcd.txn(Txn((absent(keys.rebalance),), (put(keys.rebalance, value),)))
    except OutcomeUnknown:
        standing = await etcd.get(keys.rebalance)
        if standing is None:
            raise
        return standing.value == value
    return result.succeeded


def _jobs(count: int) -> str:
    return f"{count:,} {'job' if count == 1 else 'jobs'}"
