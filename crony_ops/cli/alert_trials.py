"""`crony-ops alerts test` and `preview`: whether a channel works, and how its messages look.

They take the channels from a watcher's own settings, and need no etcd.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crony_ops.cli.terminal.output import console
from crony_ops.errors import CronyError, InvalidInput, MissingExtra
from crony_ops.model.alert import Cause

if TYPE_CHECKING:
    from crony_ops.alerts.message import Channel, Message
    from crony_ops.alerts.settings import AlertSettings

_Config = Annotated[
    Path, typer.Option("--config", metavar="FILE", help="the settings of a watcher")
]
_USUAL = Path("/etc/crony/watcher.yaml")


class NotTaken(CronyError):
    message = "{channel} did not take it: {reason}"


def causes() -> list[str]:
    """As they are written in an option."""
    return [cause.replace(" ", "-") for cause in Cause]


def no_such_cause(cause: str) -> InvalidInput:
    return InvalidInput(reason=f"--cause {cause!r}: there is {', '.join(causes())}")


def send_sample(
    channel: Annotated[str, typer.Argument(metavar="CHANNEL", help="its name in the settings")],
    config: _Config = _USUAL,
    cause: Annotated[
        str, typer.Option("--cause", help="what it tells of", autocompletion=causes)
    ] = "failure",
) -> None:
    """Send a made-up alert over a channel, for real, and show what the server answers.

    Run it on a watcher's host, as its user, so that it reads the secrets that the watcher reads:
    sudo -u crony-watcher crony-ops alerts test mail.

    Examples:
      $ crony-ops alerts test mail --cause node-lost  # ends with 2 if there is no such channel
    """
    opened, message = _prepared(channel, config, cause)
    asyncio.run(_send(opened, message))


def show_sample(
    channel: Annotated[str, typer.Option("--channel", help="its name in the settings")],
    cause: Annotated[
        str, typer.Option("--cause", help="what it tells of", autocompletion=causes)
    ] = "failure",
    config: _Config = _USUAL,
) -> None:
    """Show what a channel would send, and send nothing.

    Examples:
      $ crony-ops alerts preview --cause node-lost --channel feishu  # ends with 2 if there is none
    """
    from crony_ops.alerts.message import Undelivered

    opened, message = _prepared(channel, config, cause)
    try:
        console().print(opened.preview(message), soft_wrap=True)
    except Undelivered as error:
        raise InvalidInput(reason=f"{channel} can't show it: {error.reason}") from None


async def _send(channel: Channel, message: Message) -> None:
    """Raises NotTaken."""
    from crony_ops.alerts.message import Undelivered

    began = time.monotonic()
    try:
        answer = await channel.send(message)
    except Undelivered as error:
        again = "" if error.permanent else " (a watcher would try again)"
        raise NotTaken(channel=channel.name, reason=f"{error.reason}{again}") from None
    took = time.monotonic() - began
    console().print(f"{channel.name} took it after {took:.1f} s: {answer}", soft_wrap=True)


def _prepared(channel: str, config: Path, cause: str) -> tuple[Channel, Message]:
    """Raises BadConfig, UnknownChannel, InvalidInput, MissingExtra."""
    from crony_ops.alerts.phrases import message_of
    from crony_ops.alerts.routing import ways
    from crony_ops.alerts.samples import sample

    if cause not in causes():
        raise no_such_cause(cause)
    settings = _settings(config)
    opened = _opened(channel, settings)
    alert = sample(Cause(cause.replace("-", " ")), time.time())
    return opened, message_of(
        alert,
        settings.channels[channel].language,
        link=settings.link,
        delivery=ways(alert, settings.routes, settings.channels).get(channel),
    )


def _settings(config: Path) -> AlertSettings:
    from crony_ops.daemon.entry import read_settings
    from crony_ops.watcher.settings import WatcherSettings

    return read_settings(config, WatcherSettings).alerts


def _opened(channel: str, settings: AlertSettings) -> Channel:
    from crony_ops.alerts.channels import open_channel

    try:
        return open_channel(channel, settings)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("crony_ops"):
            raise
        raise MissingExtra(what="sending alerts", extra="watcher") from None
