"""From a channel's name to the channel. What each kind needs is imported when one is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crony_ops.alerts.settings import FeishuSettings, MailSettings
from crony_ops.errors import InvalidInput

if TYPE_CHECKING:
    from crony_ops.alerts.message import Channel
    from crony_ops.alerts.settings import AlertSettings


class UnknownChannel(InvalidInput):
    message = "there is no channel {name}: {known}"


def open_channel(name: str, settings: AlertSettings) -> Channel:
    """No connection is made before something is sent. Raises UnknownChannel."""
    channel = settings.channels.get(name)
    if channel is None:
        known = ", ".join(settings.channels) or "none is configured"
        raise UnknownChannel(name=name, known=known)
    if isinstance(channel, MailSettings):
        from crony_ops.alerts.mail import MailChannel

        return MailChannel(name, channel, settings.timezone)
    if isinstance(channel, FeishuSettings):
        from crony_ops.alerts.feishu import FeishuChannel

        return FeishuChannel(name, channel, settings.timezone)
    from crony_ops.alerts.webhook import WebhookChannel

    return WebhookChannel(name, channel, settings.timezone)
