"""`crony-ops alerts`: what people were told, or should have been, and how a channel does."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from crony_ops.alerts.attempts import asked_again
from crony_ops.cli.alert_trials import causes, no_such_cause, send_sample, show_sample
from crony_ops.cli.completion import job_ids, node_names
from crony_ops.cli.terminal.connection import connected
from crony_ops.cli.terminal.output import Output, OutputOption, console, show, span, table
from crony_ops.cli.view.alert_rows import OPEN, AlertRow, Progress, alert_rows
from crony_ops.cli.view.cluster_view import look
from crony_ops.cli.view.lookup import unknown
from crony_ops.errors import CronyError, InvalidInput
from crony_ops.model.alert import Alert
from crony_ops.store.keys import Keys
from crony_ops.store.settings import EtcdSettings  # noqa: TC001 - read at runtime by `connected`
from crony_ops.store.txn import Txn, mod_is, put

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

_TRIES = 20
_STYLES = {Progress.given_up: "bold red", Progress.failed: "red", Progress.waiting: "yellow"}

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    invoke_without_command=True,
)


class State(StrEnum):
    """``open`` is what is waiting or failed."""

    open = "open"
    waiting = "waiting"
    failed = "failed"
    given_up = "given-up"
    delivered = "delivered"
    gathered = "gathered"
    silenced = "silenced"
    unrouted = "unrouted"


class NothingToRetry(InvalidInput):
    message = "alert {id} is not given up on any channel, nor has it failed on one"


class AlertChanges(CronyError):
    message = "alert {id} keeps changing; try again"


@dataclass(frozen=True, slots=True)
class AlertList:
    """The newest first, as they stand at ``at`` (unix seconds)."""

    at: float
    alerts: tuple[AlertRow, ...]


@app.callback()
@connected
def alerts(
    settings: EtcdSettings,
    ctx: typer.Context,
    state: Annotated[
        State | None, typer.Option("--state", help="only those that have come so far")
    ] = None,
    job: Annotated[str, typer.Option("--job", help="of this one", autocompletion=job_ids)] = "",
    node: Annotated[
        str, typer.Option("--node", help="of this one", autocompletion=node_names)
    ] = "",
    channel: Annotated[str, typer.Option("--channel", help="that go over this one")] = "",
    cause: Annotated[
        str, typer.Option("--cause", help="like failure or node-lost", autocompletion=causes)
    ] = "",
    count: Annotated[
        int | None, typer.Option("-n", "--count", min=1, help="at most so many; all that are kept")
    ] = None,
    output: OutputOption = Output.text,
) -> None:
    """List the alerts, the newest first, and how far each has come over its channels.

    open: waiting, or failed and tried again. given-up: a person has to look; `alerts retry` sends
    it again. The document of `--output json` is {at, alerts: [AlertRow]}; times are in unix
    seconds.

    Examples:
      $ crony-ops alerts
      $ crony-ops alerts --state given-up
      $ crony-ops alerts --job disk-usage -n 3 -o json
    """
    if ctx.invoked_subcommand is not None:
        return
    now = time.time()
    rows = alert_rows(look(settings).alerts)
    # A newer leader may tell of more than this version knows.
    if cause and cause not in {*causes(), *(row.cause.replace(" ", "-") for row in rows)}:
        raise no_such_cause(cause)
    fits = _filter(state, job, node, channel, cause.replace("-", " "))
    document = AlertList(now, tuple([row for row in rows if fits(row)][:count]))
    show(document, output, lambda console: _print(console, document))


@app.command("retry")
@connected
def retry(settings: EtcdSettings, id_: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Have an alert sent again, at once, over each channel that gave it up or waits to try again.

    Examples:
      $ crony-ops alerts retry node-lost.node-3.7c1  # ends with 2 if it is trimmed by now
    """
    channels = asyncio.run(_retry(settings, id_))
    console().print(f"{id_} goes out again, over {', '.join(channels)}")


app.command("test")(send_sample)
app.command("preview")(show_sample)


async def _retry(settings: EtcdSettings, alert_id: str) -> list[str]:
    """The channels. Raises UnknownName, NothingToRetry, AlertChanges, StoreError."""
    from crony_ops.store.client import Etcd

    keys = Keys(settings.prefix)
    key = keys.alert(alert_id)
    async with Etcd(settings) as etcd:
        for _ in range(_TRIES):
            entry = await etcd.get(key)
            alert = None if entry is None else Alert.read(key, entry.value)
            if entry is None or alert is None:
                known = (await etcd.range(keys.alerts, keys_only=True)).entries
                raise unknown("alert", alert_id, [e.key.removeprefix(keys.alerts) for e in known])
            again = asked_again(alert, time.time())
            changed = [c for c, d in again.deliveries.items() if d != alert.deliveries[c]]
            if not changed:
                raise NothingToRetry(id=alert_id)
            when = (mod_is(key, entry.mod_revision),)
            if (await etcd.txn(Txn(when, (put(key, again.to_json()),)))).succeeded:
                return changed
    raise AlertChanges(id=alert_id)


def _filter(
    state: State | None, job: str, node: str, channel: str, cause: str
) -> Callable[[AlertRow], bool]:
    wanted = {
        None: frozenset(Progress),
        State.open: OPEN,
        State.given_up: frozenset({Progress.given_up}),
    }
    states = wanted[state] if state in wanted else frozenset({Progress(str(state))})

    def fits(row: AlertRow) -> bool:
        over = {delivery.channel: delivery.state for delivery in row.deliveries}
        reached = {over[channel]} if channel in over else {*over.values()} or {row.state}
        return (
            bool(states & reached)
            and (not channel or channel in over)
            and (not job or job == row.job or job in row.names)
            and (not node or node == row.node or node in row.names)
            and (not cause or cause == row.cause)
        )

    return fits


def _print(console: Console, document: AlertList) -> None:
    if not document.alerts:
        console.print("none")
        return
    rows = [
        (
            f"{span(document.at - row.at)} ago",
            row.severity,
            _over(row, document.at),
            row.title,
            row.id,
        )
        for row in document.alerts
    ]
    console.print(table("AT", "SEVERITY", "DELIVERY", "TITLE", "ID", rows=rows))


def _over(row: AlertRow, now: float) -> Text:
    """Channel by channel; where one fails, what its server said last."""
    if not row.deliveries:
        return Text("over no channel")
    ways = []
    for way in row.deliveries:
        words = f"{way.channel} {way.state.replace('_', ' ')}"
        if way.state is Progress.failed and way.next_at is not None:
            words += f" {way.attempts} x, again in {span(way.next_at - now)}"
        if way.state in _STYLES and way.answer:
            words += f": {way.answer}"
        ways.append(Text(words, _STYLES.get(way.state, "")))
    return Text("\n").join(ways)
