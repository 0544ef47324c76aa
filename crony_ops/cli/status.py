"""`crony-ops status`: how all of it stands, on one screen."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crony_ops.cli.standing.look import StatusLook, hurried
from crony_ops.cli.standing.text import print_status
from crony_ops.cli.terminal.connection import Cluster, connected_to_fleet
from crony_ops.cli.terminal.output import Output, OutputOption, console, show
from crony_ops.errors import InvalidInput
from crony_ops.model.duration import parse_duration
from crony_ops.store.keys import Keys

if TYPE_CHECKING:
    from crony_ops.cli.standing.document import StatusDocument

UNHEALTHY = 3
_USUAL_INTERVAL = 2


@connected_to_fleet
def status(
    cluster: Cluster,
    output: OutputOption = Output.text,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="exit with 3 when something is unhealthy")
    ] = False,
    jobs: Annotated[
        Path, typer.Option("--jobs", help="the jobs folder to compare the last sync with")
    ] = Path("jobs"),
    watch: Annotated[
        bool, typer.Option("--watch", help="look again and again, until Ctrl-C")
    ] = False,
    interval: Annotated[
        str | None, typer.Option(metavar="DURATION", help="how often --watch looks; 2s")
    ] = None,
) -> int:
    """Show how etcd, the watchers, the nodes and the jobs stand, and what is wrong.

    Where an inventory is configured (CRONY_INVENTORY, or `inventory:` in cli.yaml), a host of its
    group `nodes` that has no agent is shown as missing.

    The document of `--output json` has the fields of StatusDocument: times in unix seconds, sizes
    in bytes. With --watch it comes on a line of its own at each change, or {at, error} when etcd
    goes away; on a terminal the screen is drawn anew, with what has changed marked for 5 s.

    Examples:
      $ crony-ops status
      $ crony-ops status --exit-code --output json
      $ crony-ops status --watch --interval 1s  # until Ctrl-C
    """
    if not watch:
        if interval is not None:
            raise InvalidInput(reason="--interval goes with --watch")
        document = asyncio.run(_look(cluster, jobs))
        show(document, output, lambda console: print_status(console, document))
        return 0 if document.healthy or not exit_code else UNHEALTHY
    if exit_code:
        raise InvalidInput(reason="--watch ends with Ctrl-C, which says nothing of health")
    with contextlib.suppress(KeyboardInterrupt):
        _watch(cluster, jobs, _seconds(interval), output)
    return 0


async def _look(cluster: Cluster, jobs: Path) -> StatusDocument:
    from crony_ops.store.client import Etcd

    async with Etcd(hurried(cluster.etcd)) as etcd:
        look = StatusLook(etcd, Keys(cluster.etcd.prefix), jobs, cluster.inventory)
        return await look.look()


def _seconds(interval: str | None) -> int:
    """Raises InvalidInput."""
    try:
        seconds = _USUAL_INTERVAL if interval is None else parse_duration(interval)
    except ValueError as error:
        raise InvalidInput(reason=f"--interval: {error}") from None
    if seconds == 0:
        raise InvalidInput(reason="--interval: a second at least")
    return seconds


def _watch(cluster: Cluster, jobs: Path, interval: int, output: Output) -> None:
    """Until interrupted. Raises InvalidInput where it can't be shown."""
    from crony_ops.cli.standing.watch import watch_as_json, watch_on_screen

    if output is Output.json:
        asyncio.run(watch_as_json(cluster, jobs, interval))
        return
    screen = console()
    if output is not Output.text or not screen.is_terminal:
        raise InvalidInput(
            reason="--watch draws on a terminal, and this is none; --output json prints a line at "
            "each change"
        )
    asyncio.run(watch_on_screen(cluster, jobs, interval, screen))
