"""The leader's delivery of alerts: what is new is routed, and each channel has a worker.

It stands beside the reconciler and shares nothing with it but the view and the batcher: a server
that hangs is waited for by its own worker alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from crony_ops.alerts.channels import open_channel
from crony_ops.alerts.gathering import plan
from crony_ops.alerts.overflow import overflow
from crony_ops.alerts.phrases import message_of
from crony_ops.errors import StoreRefused
from crony_ops.watcher.courier import Courier
from crony_ops.watcher.outbox import Outbox
from crony_ops.watcher.ping import keep_pinging

if TYPE_CHECKING:
    from crony_ops.alerts.message import Message
    from crony_ops.alerts.settings import AlertSettings
    from crony_ops.model.alert import Alert
    from crony_ops.store import Batcher
    from crony_ops.watcher.metrics import WatcherMetrics
    from crony_ops.watcher.outbox import Unnoted
    from crony_ops.watcher.view import View

log = logging.getLogger(__name__)

LONGEST_SLEEP = 30.0
"""Seconds until the alerts are looked at again, whatever has been heard of them."""


class Delivery:
    """``fit_to_send`` says whether this watcher may send: one whose lease has run out sends nothing
    more. ``stalled`` is by how many seconds the reconciler is late. ``unnoted`` outlives this."""

    def __init__(
        self,
        view: View,
        batcher: Batcher,
        settings: AlertSettings,
        metrics: WatcherMetrics,
        unnoted: Unnoted,
        *,
        fit_to_send: Callable[[], bool],
        stalled: Callable[[], float],
    ) -> None:
        self._view = view
        self._settings = settings
        self._metrics = metrics
        self._stalled = stalled
        self._outbox = Outbox(view, batcher, unnoted)
        self._changed = asyncio.Event()
        self._couriers = [
            Courier(
                open_channel(name, settings),
                channel.timeout,
                partial(_message, name=name, settings=settings),
                self._outbox,
                metrics,
                fit_to_send,
            )
            for name, channel in settings.channels.items()
        ]

    async def run(self) -> None:
        """Until cancelled. Raises GuardFailed when somebody else leads, StoreError when etcd is
        away."""
        async with asyncio.TaskGroup() as group:
            for courier in self._couriers:
                group.create_task(courier.run())
            if self._settings.ping is not None:
                group.create_task(keep_pinging(self._settings.ping, self._stalled, self._metrics))
            while True:
                self._changed.clear()
                again_at = await self._route(time.time())
                seconds = min(max(again_at - time.time(), 0.0), LONGEST_SLEEP)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(seconds):
                        await self._changed.wait()

    def wake(self) -> None:
        """Alerts or silences have changed."""
        self._changed.set()
        for courier in self._couriers:
            courier.wake.set()

    async def _route(self, now: float) -> float:
        """Returns when to look again (unix seconds). What etcd finds changed is looked at again by
        itself, for it wakes us."""
        outbox, settings = self._outbox, self._settings
        silences = [seen.value for _, seen in self._view.silences.items()]
        wanted = plan(tuple(outbox.alerts()), settings.routes, settings.channels, silences, now)
        try:
            await outbox.replace(wanted.deliveries)
            for digest in wanted.digests:
                if not await outbox.add(digest.alert):
                    for alert_id in digest.members:
                        del wanted.gathered[alert_id]
            await outbox.replace(wanted.gathered)
            for channel in settings.channels:
                line = tuple(outbox.alerts())
                await outbox.gather(overflow(line, channel, outbox.in_hand(channel), now))
        except StoreRefused as refusal:
            log.error("alerts can't be routed: %s", refusal)
        return now + LONGEST_SLEEP if wanted.look_at is None else wanted.look_at


def _message(alert: Alert, *, name: str, settings: AlertSettings) -> Message:
    return message_of(
        alert,
        settings.channels[name].language,
        link=settings.link,
        delivery=alert.deliveries[name],
    )
