"""`crony-ops drain`: have a node give its jobs up, before its machine is taken out."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from crony_ops.cli.completion import node_names
from crony_ops.cli.cordon import write_cordon
from crony_ops.cli.kill import end_runs
from crony_ops.cli.terminal.confirm import confirmed
from crony_ops.cli.terminal.connection import connected
from crony_ops.cli.terminal.operator import operator
from crony_ops.cli.terminal.output import Output, OutputOption, say, show, table
from crony_ops.cli.terminal.waiting import read_duration, wait_while
from crony_ops.cli.view.allocation import why_it_stays
from crony_ops.cli.view.cluster_view import ClusterView, OpenKey, look, read_cluster
from crony_ops.cli.view.lookup import node_named
from crony_ops.errors import CronyError
from crony_ops.model.node import Cordon
from crony_ops.model.run import Kill
from crony_ops.store.keys import Keys
from crony_ops.store.settings import EtcdSettings  # noqa: TC001 - read at runtime by `connected`

if TYPE_CHECKING:
    from collections.abc import Collection

    from rich.console import Console


class NotDrained(CronyError):
    message = "{count} jobs have not left {node} yet: {jobs}. The drain goes on"


class DrainEnded(CronyError):
    message = "{node} is not drained any more: somebody has uncordoned it"


class NodeIsLost(CronyError):
    message = "{node} is lost: what may move has moved. If it never comes back: crony-ops forget"


@dataclass(frozen=True, slots=True)
class Leaving:
    """A job that another node takes over, at once or when its open run has ended (``waits``)."""

    job: str
    waits: bool


@dataclass(frozen=True, slots=True)
class Staying:
    """A job that can't leave, and why."""

    job: str
    reason: str


@dataclass(frozen=True, slots=True)
class Prospect:
    """What becomes of a drained node's jobs, each list by job id."""

    leaving: tuple[Leaving, ...]
    staying: tuple[Staying, ...]


@dataclass(frozen=True, slots=True)
class DrainDocument:
    """``at`` is in unix seconds, ``node`` a name. Each list is by job id."""

    at: float
    node: str
    leaving: tuple[Leaving, ...]
    staying: tuple[Staying, ...]


@connected
def drain(
    settings: EtcdSettings,
    node: Annotated[
        str, typer.Argument(metavar="NODE", help="its name or uuid", autocompletion=node_names)
    ],
    why: Annotated[str, typer.Option("--why", help="for those who see it in status")] = "",
    wait: Annotated[
        bool, typer.Option("--wait", help="until every job that can leave has left")
    ] = False,
    timeout: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="how long --wait waits; for ever if not given"),
    ] = None,
    kill_after: Annotated[
        str | None,
        typer.Option("--kill-after", metavar="DURATION", help="wait, but end runs then"),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="don't ask before --kill-after")] = False,
    output: OutputOption = Output.text,
) -> None:
    """Take a node's jobs off it, and give it no new ones: a cordon that evicts.

    What has an open run leaves when that has ended. What can't leave is listed with the reason, and
    stays. `crony-ops uncordon` ends it; jobs do not come back by themselves.

    The document of `--output json` is {at, node, leaving: [{job, waits}], staying: [{job,
    reason}]}.

    Examples:
      $ crony-ops drain node-2 --why "new disk" --yes
      $ crony-ops drain node-2 --wait --timeout 2h --kill-after 30m --yes
    """
    patience = read_duration("--timeout", timeout)
    mercy = read_duration("--kill-after", kill_after)
    view = look(settings)
    uuid = node_named(view, node)
    name = view.name_of(uuid)
    if uuid not in view.alive:
        raise NodeIsLost(node=name)
    if mercy is not None:
        confirmed(f"Drain {name}, and end the runs that hold jobs there after {kill_after}?", yes)
    order = Cordon(who=operator(), at=time.time(), why=why, evict=True)
    asyncio.run(write_cordon(settings, uuid, order))
    found = prospect(view, uuid)
    document = DrainDocument(time.time(), name, found.leaving, found.staying)
    show(document, output, lambda console: _print(console, name, found))
    if view.leader is None:
        say("no watcher leads: the first that does will see to it")
    if wait or mercy is not None:
        asyncio.run(_wait(settings, uuid, name, patience, mercy))


def prospect(view: ClusterView, uuid: str) -> Prospect:
    """As of now: a node that comes may have what stays, and a run that starts holds its job."""
    running = {run.job_id for run in view.opens if run.node == uuid}
    leaving, staying = [], []
    for job_id in sorted(job for job, nodes in view.assigned.items() if uuid in nodes):
        reason = why_it_stays(view, job_id, uuid)
        if reason:
            staying.append(Staying(job_id, reason))
        else:
            leaving.append(Leaving(job_id, job_id in running))
    return Prospect(tuple(leaving), tuple(staying))


def _print(console: Console, name: str, found: Prospect) -> None:
    waiting = [job.job for job in found.leaving if job.waits]
    console.print(
        f"{name} is drained: {len(found.leaving):,} jobs leave it, {len(found.staying):,} stay"
    )
    if waiting:
        console.print(table("WAITS FOR ITS RUN", rows=[(job,) for job in waiting]))
    if found.staying:
        rows = [(job.job, job.reason) for job in found.staying]
        console.print(table("STAYS", "BECAUSE", rows=rows))


async def _wait(
    settings: EtcdSettings, uuid: str, name: str, patience: int | None, mercy: int | None
) -> None:
    """Raises NotDrained and DrainEnded."""
    from crony_ops.store.client import Etcd

    keys = Keys(settings.prefix)
    began = time.monotonic()
    told: set[OpenKey] = set()
    async with Etcd(settings) as etcd:

        async def left() -> Collection[str] | None:
            view = await read_cluster(etcd, keys)
            if uuid not in view.cordons or not view.cordons[uuid].evict:
                raise DrainEnded(node=name)
            held = [job.job for job in prospect(view, uuid).leaving]
            if mercy is not None and time.monotonic() - began > mercy:
                runs = [
                    run
                    for run in view.opens
                    if run.node == uuid and run.job_id in held and run not in told
                ]
                told.update(runs)
                if runs:
                    order = Kill(who=operator(), at=time.time(), why=f"{name} is drained")
                    await end_runs(settings, view, runs, order, wait=False)
            return held or None

        jobs = await wait_while(left, f"draining {name}", patience)
    if jobs:
        raise NotDrained(node=name, count=len(jobs), jobs=", ".join(sorted(jobs)[:10]))
    say(f"{name} has given up what it can")
