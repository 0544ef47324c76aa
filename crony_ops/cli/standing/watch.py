"""`crony-ops status --watch`: how all of it stands, drawn anew in place until Ctrl-C."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.text import Text

from crony_ops.cli.standing.changes import changed, facts
from crony_ops.cli.standing.look import StatusLook, hurried
from crony_ops.cli.standing.text import status_grid
from crony_ops.cli.terminal.output import json_data, span
from crony_ops.errors import StoreError
from crony_ops.store.keys import Keys

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from crony_ops.cli.standing.document import StatusDocument
    from crony_ops.cli.terminal.connection import Cluster

# Long enough for an eye that was elsewhere.
_MARKED_FOR = 5.0


@dataclass(frozen=True, slots=True)
class Frame:
    """``document`` is the last that could be had, None before the first; ``error`` says why there
    is no newer one. ``changed``: the labels of what differs from the frame before; ``marked``: of
    what did a moment ago, too."""

    document: StatusDocument | None
    error: str
    changed: frozenset[str]
    marked: frozenset[str]


@dataclass(frozen=True, slots=True)
class NoStatus:
    """etcd could not be asked at ``at``, in unix seconds, and why: --watch goes on and says so."""

    at: float
    error: str


async def frames(cluster: Cluster, jobs: Path, interval: float) -> AsyncIterator[Frame]:
    """One at once, and one each ``interval`` seconds, whatever becomes of etcd."""
    from crony_ops.store.client import Etcd

    document: StatusDocument | None = None
    known: dict[str, object] = {}
    changed_at: dict[str, float] = {}
    async with Etcd(hurried(cluster.etcd)) as etcd:
        look = StatusLook(etcd, Keys(cluster.etcd.prefix), jobs, cluster.inventory)
        while True:
            error = ""
            try:
                document = await look.look()
            except StoreError as failure:
                error = str(failure)
            now = {**(facts(document) if document else {}), "error": error}
            news = changed(known, now) if known else frozenset(now)
            changed_at |= dict.fromkeys(news if known else (), time.monotonic())
            known = now
            fresh = {k for k, at in changed_at.items() if time.monotonic() - at < _MARKED_FOR}
            yield Frame(document, error, news, frozenset(fresh))
            await asyncio.sleep(interval)


async def watch_on_screen(cluster: Cluster, jobs: Path, interval: float, screen: Console) -> None:
    """On the terminal's other screen, which leaves what stood there before as it was."""
    from rich.live import Live

    with Live(console=screen, screen=True, auto_refresh=False) as live:
        async for frame in frames(cluster, jobs, interval):
            live.update(sheet(frame, time.time()), refresh=True)


async def watch_as_json(cluster: Cluster, jobs: Path, interval: float) -> None:
    """The document on a line of its own whenever something has changed; a NoStatus when etcd goes
    away."""
    async for frame in frames(cluster, jobs, interval):
        if not frame.changed:
            continue
        if frame.error or frame.document is None:
            line: StatusDocument | NoStatus = NoStatus(time.time(), frame.error)
        else:
            line = frame.document
        sys.stdout.write(json.dumps(json_data(line), ensure_ascii=False) + "\n")
        sys.stdout.flush()


def sheet(frame: Frame, now: float) -> Group:
    """What stands on the screen at ``now``, in unix seconds."""
    parts = [Text(f"{time.strftime('%H:%M:%S', time.localtime(now))}  Ctrl-C ends this", "dim")]
    if frame.error:
        parts.append(Text(frame.error, "bold red"))
        if frame.document is not None:
            parts.append(Text(f"how it stood {span(now - frame.document.at)} ago:", "red"))
    if frame.document is None:
        return Group(*parts)
    return Group(*parts, Text(), status_grid(frame.document, frame.marked))
