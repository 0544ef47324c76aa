"""`crony-ops cordon` and `uncordon`: whether a node gets new jobs."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated

import typer

from crony_ops.cli.completion import node_names
from crony_ops.cli.terminal.connection import connected
from crony_ops.cli.terminal.operator import operator
from crony_ops.cli.terminal.output import console
from crony_ops.cli.view.cluster_view import look
from crony_ops.cli.view.lookup import node_named
from crony_ops.model.node import Cordon
from crony_ops.store.keys import Keys
from crony_ops.store.settings import EtcdSettings  # noqa: TC001 - read at runtime by `connected`

_Node = Annotated[
    str, typer.Argument(metavar="NODE", help="its name or uuid", autocompletion=node_names)
]


@connected
def cordon(
    settings: EtcdSettings,
    node: _Node,
    why: Annotated[str, typer.Option("--why", help="for those who see it in status")] = "",
) -> None:
    """Give a node no new jobs. It keeps and runs those that it has. A drain is made a cordon.

    Examples:
      $ crony-ops cordon node-1 --why "new disk"
    """
    view = look(settings)
    uuid = node_named(view, node)
    order = Cordon(who=operator(), at=time.time(), why=why)
    asyncio.run(write_cordon(settings, uuid, order))
    held = sum(uuid in nodes for nodes in view.assigned.values())
    console().print(
        f"{view.name_of(uuid)} is cordoned: it keeps its {held:,} jobs, and gets no new"
    )


@connected
def uncordon(settings: EtcdSettings, node: _Node) -> None:
    """Let a node have jobs again. It ends a drain, too.

    Examples:
      $ crony-ops uncordon node-1
    """
    view = look(settings)
    uuid = node_named(view, node)
    name = view.name_of(uuid)
    if asyncio.run(write_cordon(settings, uuid, None)):
        console().print(f"{name} may have jobs again")
    else:
        console().print(f"{name} was not cordoned")


async def write_cordon(settings: EtcdSettings, node: str, order: Cordon | None) -> bool:
    """Put the order, or take the one that stands away (None). Whether there was something to do;
    putting an order always is. Raises StoreError."""
    from crony_ops.store.client import Etcd

    key = Keys(settings.prefix).cordon(node)
    async with Etcd(settings) as etcd:
        if order is None:
            return await etcd.delete(key)
        await etcd.put(key, order.to_json())
        return True
