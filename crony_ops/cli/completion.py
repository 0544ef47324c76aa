"""What the shell offers for a job or a node that is being typed: those that etcd knows.

While somebody waits for a key to answer there is nothing to be said: no name is offered when etcd
does not answer at once, or can't be found at all.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer  # noqa: TC002 - read at runtime by typer itself

from crony_ops.cli.terminal.connection import find_etcd
from crony_ops.errors import CronyError
from crony_ops.model.node import Roster
from crony_ops.store.keys import Keys

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from crony_ops.store.client import Etcd

_PATIENCE = 0.5


def job_ids(ctx: typer.Context, incomplete: str) -> list[str]:
    """The wanted jobs whose id begins so."""

    async def read(etcd: Etcd, keys: Keys) -> list[str]:
        found = await etcd.range(keys.spec(incomplete), keys_only=True)
        return [entry.key.removeprefix(keys.specs) for entry in found.entries]

    return _ask(ctx, read)


def node_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """The nodes, living or lost, whose name begins so."""

    async def read(etcd: Etcd, keys: Keys) -> list[str]:
        names = []
        for entry in (await etcd.range(keys.rosters)).entries:
            try:
                names.append(Roster.from_json(entry.value).node.name)
            except ValueError:
                continue
        return sorted(name for name in names if name.startswith(incomplete))

    return _ask(ctx, read)


def _ask(ctx: typer.Context, read: Callable[[Etcd, Keys], Awaitable[list[str]]]) -> list[str]:
    async def ask() -> list[str]:
        from crony_ops.store.client import Etcd

        async with asyncio.timeout(_PATIENCE), Etcd(settings) as etcd:
            return await read(etcd, Keys(settings.prefix))

    named: dict[str, Any] = {name: ctx.params.get(name) for name in ("endpoints", "prefix")}
    config = ctx.params.get("config")
    try:
        settings = find_etcd(
            os.environ, Path.cwd(), **named, config=None if config is None else Path(config)
        )
        return asyncio.run(ask())
    except (CronyError, TimeoutError):
        return []
