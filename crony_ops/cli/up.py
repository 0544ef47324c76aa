"""`crony-ops up`: a whole cluster on this machine, for trying out, until Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group
from rich.live import Live
from rich.text import Text

from crony_ops.catalog import load_catalog, read_provenance
from crony_ops.catalog.presets import find_presets, scripts_for
from crony_ops.cli.standing.look import StatusLook
from crony_ops.cli.standing.text import status_grid
from crony_ops.cli.terminal.output import console
from crony_ops.cli.validate import print_problems
from crony_ops.daemon.entry import read_settings
from crony_ops.errors import InvalidInput, StoreError
from crony_ops.local.cluster import LocalCluster
from crony_ops.watcher.settings import WatcherSettings

if TYPE_CHECKING:
    from rich.console import Console

    from crony_ops.catalog import Catalog
    from crony_ops.cli.standing.document import StatusDocument

_LOOK_EVERY = 1.0
# Where the shipped jobs look for etcd.
_USUAL_PORTS = (2379, 2380)


def up(
    nodes: Annotated[int, typer.Option("--nodes", min=1, max=50, help="how many agents")] = 3,
    watchers: Annotated[int, typer.Option("--watchers", min=1, max=9, help="how many")] = 1,
    jobs: Annotated[
        Path, typer.Option("--jobs", metavar="FOLDER", help="the folder of the job files")
    ] = Path("jobs"),
    data_dir: Annotated[
        Path, typer.Option("--data-dir", metavar="FOLDER", help="what it keeps, and its logs")
    ] = Path(".crony"),
    alerts: Annotated[
        Path | None,
        typer.Option("--alerts", metavar="FILE", help="a watcher's settings, for their `alerts`"),
    ] = None,
) -> None:
    """Run a whole cluster on this machine: etcd, watchers and agents, with the jobs of a folder.

    It ends with Ctrl-C, and nothing of it stays behind; started again, it goes on where it was.
    Meanwhile the other commands find it from this folder without any flag. Nobody is told of
    anything unless --alerts says whom; `alerts test --config FILE` tries its channels.

    Examples:
      $ crony-ops up --nodes 2  # until Ctrl-C
    """
    catalog = _load(jobs)
    overrides = {} if alerts is None else {"watcher": {"alerts": _whom_to_tell(alerts)}}
    folder = find_presets(jobs.absolute(), read_provenance([jobs]).root)
    presets = scripts_for(catalog.specs.values(), folder)
    cluster = LocalCluster(
        data_dir,
        nodes=nodes,
        watchers=watchers,
        presets=presets,
        overrides=overrides,
        ports=_USUAL_PORTS,
    )
    asyncio.run(_until_signalled(cluster, catalog))


def _load(jobs: Path) -> Catalog:
    """Raises InvalidInput, with every mistake shown before: nothing is started then."""
    catalog = load_catalog(jobs)
    if catalog.problems:
        print_problems(catalog.problems, console(stderr=True))
        raise InvalidInput(reason=f"{jobs} has mistakes: mend them first")
    return catalog


def _whom_to_tell(config: Path) -> dict[str, Any]:
    """Raises BadConfig."""
    return read_settings(config, WatcherSettings).alerts.model_dump(mode="json")


async def _until_signalled(cluster: LocalCluster, catalog: Catalog) -> None:
    life = asyncio.create_task(_live(cluster, catalog))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, life.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await life
    console().print("stopped")


async def _live(cluster: LocalCluster, catalog: Catalog) -> None:
    screen = console()
    screen.print(f"starting etcd, watchers and nodes in {cluster.folder.path}")
    async with cluster:
        endpoint = cluster.settings.addresses[0]
        synced = await cluster.sync(catalog)
        screen.print(
            f"up: etcd on {endpoint}, {len(cluster.watchers)} watchers, {len(cluster.nodes)} nodes,"
            f" {synced.record.jobs} jobs ({len(synced.plan.added)} added,"
            f" {len(synced.plan.changed)} changed, {len(synced.plan.removed)} removed);"
            f" logs in {cluster.folder.path / 'log'}; Ctrl-C stops it",
            soft_wrap=True,
        )
        try:
            if screen.is_terminal:
                await _show_live(cluster, screen)
            else:
                await _tell_changes(cluster, screen)
        finally:
            screen.print("stopping")


async def _show_live(cluster: LocalCluster, screen: Console) -> None:
    look = StatusLook(cluster.store, cluster.keys, None)
    with Live(console=screen, auto_refresh=False, transient=True) as live:
        while True:
            live.update(await _sheet(look), refresh=True)
            await asyncio.sleep(_LOOK_EVERY)


async def _sheet(look: StatusLook) -> Text | Group:
    try:
        return Group(Text(), status_grid(await look.look()))
    except StoreError as error:
        return Text(str(error), "red")


async def _tell_changes(cluster: LocalCluster, screen: Console) -> None:
    """A line whenever how it stands has changed."""
    look, told = StatusLook(cluster.store, cluster.keys, None), ""
    while True:
        try:
            words = _in_a_line(await look.look())
        except StoreError as error:
            words = str(error)
        if words != told:
            screen.print(f"{time.strftime('%H:%M:%S')}  {words}", soft_wrap=True)
            told = words
        await asyncio.sleep(_LOOK_EVERY)


def _in_a_line(document: StatusDocument) -> str:
    count, nodes = document.jobs, ", ".join(f"{n.name} {n.state}" for n in document.nodes)
    leads = f"{document.watcher.leader or 'nobody'} leads"
    parts = [leads, nodes, f"{count.ok} of {count.total} ok"]
    parts += [f"{f.job} fails: {f.reason}" for f in document.failing]
    stranded: dict[str, list[str]] = {}
    for each in document.unassigned:
        stranded.setdefault(each.reason, []).append(each.job)
    parts += [f"no node for {', '.join(jobs)}: {reason}" for reason, jobs in stranded.items()]
    return " · ".join(parts)
