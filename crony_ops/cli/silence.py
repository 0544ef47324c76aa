"""`crony-ops silence`: alerts that nobody wants to hear of for a while."""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from crony_ops.cli.completion import job_ids, node_names
from crony_ops.cli.terminal.connection import connected
from crony_ops.cli.terminal.operator import operator
from crony_ops.cli.terminal.output import Output, OutputOption, console, say, show, table, wall_time
from crony_ops.cli.terminal.until import ForOption, UntilOption, end_of
from crony_ops.cli.view.lookup import unknown
from crony_ops.errors import InvalidInput
from crony_ops.model.alert import Silence
from crony_ops.model.node import Node, Roster
from crony_ops.store.keys import Keys
from crony_ops.store.settings import EtcdSettings  # noqa: TC001 - read at runtime by `connected`

if TYPE_CHECKING:
    from rich.console import Console

    from crony_ops.store.client import Etcd

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Keep alerts back for a while: they are recorded, and not sent.",
)


class UnknownSilence(InvalidInput):
    message = "there is no silence {id!r}: `crony-ops silence list` lists them"


@dataclass(frozen=True, slots=True)
class SilenceRow:
    """What fits all that is named here is not sent until ``until``; nothing named fits everything.
    Times are in unix seconds; ``node`` is a name, ``label`` a name=value."""

    id: str
    who: str
    at: float
    until: float
    why: str
    job: str
    node: str
    group: str
    label: str


@dataclass(frozen=True, slots=True)
class SilenceList:
    """Those that are not over at ``at`` (unix seconds), the first to end first."""

    at: float
    silences: tuple[SilenceRow, ...]


@app.command("add")
@connected
def add(
    settings: EtcdSettings,
    job: Annotated[str, typer.Option("--job", help="its id", autocompletion=job_ids)] = "",
    node: Annotated[str, typer.Option("--node", help="its name", autocompletion=node_names)] = "",
    group: Annotated[str, typer.Option("--group", help="of nodes")] = "",
    label: Annotated[str, typer.Option("--label", metavar="NAME[=VALUE]", help="of jobs")] = "",
    everything: Annotated[bool, typer.Option("--everything", help="each and every alert")] = False,
    how_long: ForOption = None,
    until: UntilOption = None,
    why: Annotated[str, typer.Option("--why", help="for those who see it in the list")] = "",
) -> None:
    """Keep alerts back that fit all that is named: of a job, a node, a group, a label.

    They are made all the same, and `crony-ops alerts` lists them. What is on its way already goes
    on. A silence always ends: --for or --until says when. A job or node that there is not is
    refused; a group or a label need not be there yet.

    Examples:
      $ crony-ops silence add --node node-1 --for 2h --why "new disk"
      $ crony-ops silence add --job disk-usage --until 2030-12-01T08:00
    """
    now = time.time()
    end = end_of(how_long, until, now)
    if end is None:
        raise InvalidInput(reason="--for or --until: a silence that never ends is forgotten")
    named = bool(job or node or group or label)
    if named == everything:
        raise InvalidInput(reason="name --job, --node, --group or --label, or --everything alone")
    if label.startswith("="):
        raise InvalidInput(reason=f"--label {label!r}: a name, or name=value")
    silence = Silence(
        id=secrets.token_hex(4),
        who=operator(),
        at=now,
        until=end,
        why=why,
        job=job,
        node=node,
        group=group,
        label=label,
    )
    asyncio.run(_write(settings, silence))
    console().print(f"{silence.id}: {_what(_row(silence))} is silent until {wall_time(end)}")


@app.command("list")
@connected
def list_(settings: EtcdSettings, output: OutputOption = Output.text) -> None:
    """List the silences that are not over.

    The document of `--output json` is {at, silences: [SilenceRow]}; times are in unix seconds.

    Examples:
      $ crony-ops silence list
    """
    now = time.time()
    found = sorted(asyncio.run(_read(settings)), key=lambda silence: silence.until)
    document = SilenceList(now, tuple(_row(silence) for silence in found if silence.until > now))
    show(document, output, lambda console: _print(console, document))


@app.command("remove")
@connected
def remove(
    settings: EtcdSettings, ids: Annotated[list[str], typer.Argument(metavar="ID...")]
) -> None:
    """End silences. What was kept back meanwhile is not sent afterwards.

    Examples:
      $ crony-ops silence remove 5f3a9c21  # ends with 2 if it is not there
    """
    asyncio.run(_remove(settings, ids))


async def _write(settings: EtcdSettings, silence: Silence) -> None:
    """What is over goes with it. Raises UnknownName, and StoreError."""
    from crony_ops.store.client import Etcd

    keys = Keys(settings.prefix)
    async with Etcd(settings) as etcd:
        await _all_known(etcd, keys, silence)
        await etcd.put(keys.silence(silence.id), silence.to_json())
        for entry in (await etcd.range(keys.silences)).entries:
            old = Silence.read(entry.key, entry.value)
            if old is not None and old.until < silence.at:
                await etcd.delete(entry.key)


async def _all_known(etcd: Etcd, keys: Keys, silence: Silence) -> None:
    """Nobody believes that silent whose name is misspelt. Raises UnknownName, and StoreError."""
    if silence.job:
        jobs = {
            entry.key.removeprefix(prefix)
            for prefix in (keys.specs, keys.pauses)
            for entry in (await etcd.range(prefix, keys_only=True)).entries
        }
        if silence.job not in jobs:
            raise unknown("job", silence.job, jobs)
    if silence.node:
        rosters = (await etcd.range(keys.rosters)).entries
        nodes = (await etcd.range(keys.nodes)).entries
        known = [roster.node for e in rosters if (roster := Roster.read(e.key, e.value))]
        known += [node for e in nodes if (node := Node.read(e.key, e.value))]
        if not any(silence.node in (node.name, node.uuid) for node in known):
            raise unknown("node", silence.node, {node.name for node in known})


async def _read(settings: EtcdSettings) -> list[Silence]:
    """Raises StoreError."""
    from crony_ops.store.client import Etcd

    keys, found = Keys(settings.prefix), []
    async with Etcd(settings) as etcd:
        for entry in (await etcd.range(keys.silences)).entries:
            try:
                found.append(Silence.from_json(entry.value))
            except ValueError:
                say(f"{entry.key} can't be read")
    return found


async def _remove(settings: EtcdSettings, ids: list[str]) -> None:
    """Nothing is done for some while the id of another is misspelt. Raises UnknownSilence."""
    from crony_ops.store.client import Etcd

    keys = Keys(settings.prefix)
    async with Etcd(settings) as etcd:
        entries = (await etcd.range(keys.silences, keys_only=True)).entries
        known = {entry.key.removeprefix(keys.silences) for entry in entries}
        for one in ids:
            if one not in known:
                raise UnknownSilence(id=one)
        for one in ids:
            await etcd.delete(keys.silence(one))
            console().print(f"{one} is over")


def _row(silence: Silence) -> SilenceRow:
    return SilenceRow(**silence.model_dump())


def _what(row: SilenceRow) -> str:
    named = {"job": row.job, "node": row.node, "group": row.group, "label": row.label}
    return ", ".join(f"{kind} {name}" for kind, name in named.items() if name) or "everything"


def _print(console: Console, document: SilenceList) -> None:
    if not document.silences:
        console.print("nothing is silenced")
        return
    rows = [
        (row.id, _what(row), wall_time(row.until), row.who, row.why) for row in document.silences
    ]
    console.print(table("ID", "WHAT", "UNTIL", "WHO", "WHY", rows=rows))
