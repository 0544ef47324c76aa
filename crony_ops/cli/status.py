"""`crony-ops status`: how all of it stands, on one screen."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crony_ops.cli.cluster_view import read_cluster
from crony_ops.cli.connection import connected
from crony_ops.cli.drift import drift
from crony_ops.cli.output import Output, OutputOption, show
from crony_ops.cli.status_document import StatusDocument, member_trouble, status_document
from crony_ops.cli.status_text import print_status
from crony_ops.errors import StoreUnavailable
from crony_ops.store.keys import Keys
from crony_ops.store.settings import EtcdSettings  # noqa: TC001 - read at runtime by `connected`

if TYPE_CHECKING:
    from crony_ops.store.members import MemberStatus

UNHEALTHY = 3
_PATIENCE = 3.0


class NoQuorum(StoreUnavailable):
    """Members answer, but the store as a whole does not."""

    message = "etcd has no quorum: {standing}. Nothing can be claimed or changed until it has"


@connected
def status(
    settings: EtcdSettings,
    output: OutputOption = Output.text,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="exit with 3 when something is unhealthy")
    ] = False,
    jobs: Annotated[
        Path, typer.Option("--jobs", help="the jobs folder to compare the last sync with")
    ] = Path("jobs"),
) -> int:
    """Show how etcd, the watchers, the nodes and the jobs stand, and what is wrong.

    The document of `--output json` has the fields of StatusDocument: times in unix seconds, sizes
    in bytes.
    """
    document = asyncio.run(_look(settings, jobs))
    show(asdict(document), output, lambda console: print_status(console, document))
    return 0 if document.healthy or not exit_code else UNHEALTHY


async def _look(settings: EtcdSettings, jobs: Path) -> StatusDocument:
    from crony_ops.store.client import Etcd

    hurried = settings.model_copy(
        update={"request_timeout": min(settings.request_timeout, _PATIENCE)}
    )
    async with Etcd(hurried) as etcd, asyncio.TaskGroup() as group:
        members = group.create_task(etcd.members())
        try:
            view = await read_cluster(etcd, Keys(settings.prefix))
        except StoreUnavailable as error:
            raise _without_quorum(await members) or error from None
        drifted = group.create_task(drift(jobs, view.sync))
    return status_document(view, members.result(), drifted.result(), time.time())


def _without_quorum(members: list[MemberStatus]) -> NoQuorum | None:
    """None if no member answers at all: then it may be the network as well."""
    answering = [member.name for member in members if member.error is None]
    if not answering:
        return None
    silent = [f"{member.name} ({member_trouble(member)})" for member in members if member.error]
    standing = f"{len(answering)} of {len(members)} members answer: {', '.join(answering)}"
    if silent:
        standing += f"; silent: {', '.join(silent)}"
    return NoQuorum(standing=standing)
