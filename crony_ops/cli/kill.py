"""`crony-ops kill`: end a run that is under way, and see how it ended."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from crony_ops.cli.completion import job_ids, node_names
from crony_ops.cli.terminal.confirm import confirmed
from crony_ops.cli.terminal.connection import connected
from crony_ops.cli.terminal.operator import operator
from crony_ops.cli.terminal.output import brief, console, say
from crony_ops.cli.view.cluster_view import ClusterView, OpenKey, look
from crony_ops.cli.view.lookup import node_named, unknown
from crony_ops.errors import CronyError, InvalidInput, OutcomeUnknown
from crony_ops.model.run import Kill, RunRecord, RunState, read_run
from crony_ops.store.keys import Keys
from crony_ops.store.settings import EtcdSettings  # noqa: TC001 - read at runtime by `connected`
from crony_ops.store.txn import Txn, exists, put

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from crony_ops.store.client import Etcd

KILL_TTL = 60
"""Seconds after which an order that nobody obeyed is gone."""


class NoSuchRun(InvalidInput):
    message = "{job} has no {what}"


class WhichRun(InvalidInput):
    message = "{job} has {count} open runs: {runs}. Say which with --run or --node"


class NodeLost(CronyError):
    """Its runs are the leader's to end: nobody is there to obey."""

    message = "{node} is lost: {run} can't be ended there"


@dataclass(frozen=True, slots=True)
class Ending:
    """A run that was told to end, on the node of that name. ``open``: it hasn't yet. ``record`` may
    be None also when it has: a job's older records are trimmed."""

    run: OpenKey
    node: str
    open: bool = True
    record: RunRecord | None = None

    def in_words(self, since: float) -> str:
        where = f"{self.run.job_id} {self.run.run_id}"
        if self.open:
            return f"{where} has not ended on {self.node} within {brief(time.time() - since)}"
        if self.record is None:
            return f"{where} has ended on {self.node}"
        state, reason = self.record.state.value, self.record.reason
        why = f": {reason}" if reason else ""
        took = brief(self.record.ended_at - since)
        # What ended by itself meanwhile has not been killed, and says so by its state.
        after = f" after {took}" if self.record.state is RunState.killed else ""
        return f"{where} {state} on {self.node}{after}{why}"


@connected
def kill(
    settings: EtcdSettings,
    job: Annotated[str, typer.Argument(metavar="JOB", autocompletion=job_ids)],
    run: Annotated[
        list[str] | None, typer.Option("--run", metavar="ID", help="which of its open runs")
    ] = None,
    node: Annotated[
        list[str] | None,
        typer.Option(
            "--node", metavar="NODE", help="those on this node", autocompletion=node_names
        ),
    ] = None,
    signal: Annotated[
        Literal["TERM", "INT", "HUP", "QUIT", "KILL"],
        typer.Option("--signal", help="what its processes get first; KILL after the kill grace"),
    ] = "TERM",
    why: Annotated[str, typer.Option("--why", help="stands in the run's record")] = "",
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="until it has ended; exit with 1 if it doesn't")
    ] = True,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="don't ask")] = False,
) -> int:
    """End a run that is under way, or waits to start or to be tried again.

    Its state will be `killed`: it is not retried, and not run again. What its processes started is
    ended with them. --run and --node may be given more than once.

    Examples:
      $ crony-ops kill nightly-dump --why "wrong host" --yes
      $ crony-ops kill nightly-dump --node node-1 --signal INT --yes
    """
    view = look(settings)
    chosen = choose(view, job, run or (), [node_named(view, name) for name in node or ()])
    order = Kill(who=operator(), at=time.time(), why=why, signal=signal)
    confirmed(f"End {', '.join(_where(view, each) for each in chosen)}?", yes)
    endings = asyncio.run(end_runs(settings, view, chosen, order, wait=wait))
    for ending in endings if wait else ():
        console().print(ending.in_words(order.at))
    return int(wait and any(ending.open for ending in endings))


def choose(
    view: ClusterView, job_id: str, run_ids: Sequence[str], nodes: Sequence[str]
) -> tuple[OpenKey, ...]:
    """The open runs that are meant: by id, by the node (uuid), or the only one.

    Raises UnknownName, NoSuchRun, WhichRun and NodeLost.
    """
    there = [run for run in view.opens if run.job_id == job_id]
    if not there and job_id not in view.specs:
        raise unknown("job", job_id, view.specs)
    chosen = [
        run
        for run in there
        if (not run_ids or run.run_id in run_ids) and (not nodes or run.node in nodes)
    ]
    missing = set(run_ids) - {run.run_id for run in chosen}
    if missing or not chosen:
        what = f"such open run, but {_named(view, there)}" if there else "open run"
        raise NoSuchRun(job=job_id, what=what)
    if len(chosen) > 1 and not (run_ids or nodes):
        raise WhichRun(job=job_id, count=len(there), runs=_named(view, there))
    for run in chosen:
        if run.node not in view.alive:
            raise NodeLost(node=view.name_of(run.node), run=run.run_id)
    return tuple(chosen)


def _named(view: ClusterView, runs: Iterable[OpenKey]) -> str:
    return ", ".join(f"{run.run_id} on {view.name_of(run.node)}" for run in runs)


def _where(view: ClusterView, run: OpenKey) -> str:
    return f"{run.job_id} {run.run_id} on {view.name_of(run.node)}"


async def end_runs(
    settings: EtcdSettings, view: ClusterView, runs: Sequence[OpenKey], order: Kill, *, wait: bool
) -> list[Ending]:
    """Tell the nodes; with ``wait``, look on until the order lapses. Raises StoreError."""
    from crony_ops.store.client import Etcd

    keys = Keys(settings.prefix)
    async with Etcd(settings) as etcd:
        lease = await etcd.grant(KILL_TTL)
        for run in runs:
            told = await _order(etcd, keys, run, order, lease)
            say(f"{_where(view, run)} is {'told to end' if told else 'over already'}")
        endings = [Ending(run, view.name_of(run.node)) for run in runs]
        return await _ends(etcd, keys, endings) if wait else endings


async def _order(etcd: Etcd, keys: Keys, run: OpenKey, order: Kill, lease: int) -> bool:
    """False: the run is over. Raises StoreError."""
    key, opened = keys.kill(*run), keys.open(*run)
    try:
        result = await etcd.txn(Txn((exists(opened),), (put(key, order.to_json(), lease),)))
    except OutcomeUnknown:
        standing = await etcd.get(key)
        if standing is not None and standing.lease == lease:
            return True
        if await etcd.get(opened) is not None:
            raise
        return False
    return result.succeeded


async def _ends(etcd: Etcd, keys: Keys, endings: list[Ending]) -> list[Ending]:
    """As they stand when all have ended, or the orders have lapsed."""
    from crony_ops.store.mirror import Mirror

    changed = asyncio.Event()
    watched = [keys.open(*ending.run) for ending in endings]
    mirror = Mirror(etcd, watched, on_change=lambda _: changed.set())
    async with asyncio.TaskGroup() as group:
        following = group.create_task(mirror.run())
        try:
            async with asyncio.timeout(KILL_TTL):
                await mirror.synced()
                while any(ending.open for ending in endings):
                    changed.clear()
                    endings = [await _look(etcd, keys, e) if e.open else e for e in endings]
                    if any(ending.open for ending in endings):
                        await changed.wait()
        except TimeoutError:
            pass
        following.cancel()
    return endings


async def _look(etcd: Etcd, keys: Keys, ending: Ending) -> Ending:
    """A run is closed in the transaction that puts its record: that is looked for second."""
    run = ending.run
    if await etcd.get(keys.open(*run)) is not None:
        return ending
    recorded = await etcd.get(keys.run(run.job_id, run.run_id))
    found = None
    if recorded is not None:
        with contextlib.suppress(ValueError):
            found = read_run(recorded.value)
    record = found if isinstance(found, RunRecord) else None
    return Ending(run, ending.node, open=False, record=record)
