"""`crony-ops forget`: a node that never comes back."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from crony_ops.cli.completion import node_names
from crony_ops.cli.terminal.confirm import confirmed
from crony_ops.cli.terminal.connection import connected
from crony_ops.cli.terminal.output import console
from crony_ops.cli.view.cluster_view import look
from crony_ops.cli.view.lookup import node_named
from crony_ops.errors import InvalidInput, OutcomeUnknown
from crony_ops.store.keys import Keys
from crony_ops.store.settings import EtcdSettings  # noqa: TC001 - read at runtime by `connected`
from crony_ops.store.txn import Txn, absent, delete


class NodeLives(InvalidInput):
    message = "{node} is up: drain it and stop its agent first; a TTL later it may be forgotten"


@connected
def forget(
    settings: EtcdSettings,
    node: Annotated[
        str, typer.Argument(metavar="NODE", help="its name or uuid", autocompletion=node_names)
    ],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="don't ask")] = False,
) -> None:
    """Forget a lost node for good. The jobs that wait for it do so no longer.

    A shell job goes to another node, one that is pinned to it has no node any more, and one that
    runs on every node is a node poorer. If the node ever comes back it is a new one.

    Examples:
      $ crony-ops forget node-4 --yes
    """
    view = look(settings)
    uuid = node_named(view, node)
    name = view.name_of(uuid)
    if uuid in view.alive:
        raise NodeLives(node=name)
    bound = sum(uuid in nodes for nodes in view.assigned.values())
    confirmed(f"Forget {name}, and release the {bound:,} jobs that wait for it?", yes)
    asyncio.run(_forget(settings, uuid, name))
    console().print(f"{name} is forgotten, and {bound:,} jobs are released")


async def _forget(settings: EtcdSettings, uuid: str, name: str) -> None:
    """Raises NodeLives if it has come back."""
    from crony_ops.store.client import Etcd

    keys = Keys(settings.prefix)
    async with Etcd(settings) as etcd:
        gone = Txn(
            (absent(keys.node(uuid)),), (delete(keys.roster(uuid)), delete(keys.cordon(uuid)))
        )
        try:
            result = await etcd.txn(gone)
        except OutcomeUnknown:
            if await etcd.get(keys.roster(uuid)) is not None:
                raise
            return
    if not result.succeeded:
        raise NodeLives(node=name)
