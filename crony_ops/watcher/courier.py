"""One channel's worker: takes the next alert in line, sends it, and has it noted what came of it.

A kill between the two repeats that one message, under the same key. What etcd did not take in while
this process lived is noted without being sent again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING

from crony_ops.alerts.attempts import LONGEST_REST, after_failure, after_success, rest
from crony_ops.alerts.line import next_in_line
from crony_ops.alerts.message import Undelivered
from crony_ops.daemon.logs import about
from crony_ops.errors import StoreRefused
from crony_ops.model.alert import DeliveryState

if TYPE_CHECKING:
    from crony_ops.alerts.message import Channel, Message
    from crony_ops.model.alert import Alert, Delivery
    from crony_ops.watcher.metrics import WatcherMetrics
    from crony_ops.watcher.outbox import Outbox

log = logging.getLogger(__name__)

LONGEST_SLEEP = 60.0
"""Seconds until the clock is looked at again: it may have been set meanwhile."""
GRACE = 5.0
"""Seconds beyond a channel's own timeout until it counts as hanging."""


class Courier:
    """``fit_to_send`` is asked before each attempt: whoever may have been deposed sends nothing.
    ``message_of`` makes of an alert what the channel sends."""

    def __init__(
        self,
        channel: Channel,
        timeout: float,
        message_of: Callable[[Alert], Message],
        outbox: Outbox,
        metrics: WatcherMetrics,
        fit_to_send: Callable[[], bool],
    ) -> None:
        self._channel = channel
        self._timeout = timeout + GRACE
        self._message_of = message_of
        self._outbox = outbox
        self._metrics = metrics
        self._fit_to_send = fit_to_send
        self._failures = 0
        self._rests_until = 0.0
        self.wake = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled. Raises StoreError and GuardFailed as what it notes meets them; nothing
        that a channel does ends it."""
        while True:
            self.wake.clear()
            alert, due_at = next_in_line(self._outbox.alerts(), self._channel.name, time.time())
            resting = self._rests_until - time.monotonic()
            if alert is not None and resting <= 0 and self._may_send(alert):
                await self._deliver(alert)
            else:
                await self._wait(max(due_at - time.time(), resting))

    def _may_send(self, alert: Alert) -> bool:
        return self._fit_to_send() and self._outbox.is_free(alert.id)

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            # Not less than a moment: a leader that is not fit to send has something due all along.
            async with asyncio.timeout(min(max(seconds, 0.1), LONGEST_SLEEP)):
                await self.wake.wait()

    async def _deliver(self, alert: Alert) -> None:
        name = self._channel.name
        before = alert.deliveries[name]
        after = self._outbox.unnoted(alert.id, name, before)
        try:
            with self._outbox.taking(alert.id, name), about(job=alert.job):
                if after is None:
                    after = await self._attempt(alert, before)
                    _tell(alert, name, after)
                await self._outbox.note(alert.id, name, before, after)
        except StoreRefused as refusal:
            # It is not sent again: the next round finds it unnoted.
            log.error("what became of alert %s can't be noted: %s", alert.id, refusal)
            self._rests_until = time.monotonic() + LONGEST_REST

    async def _attempt(self, alert: Alert, before: Delivery) -> Delivery:
        name = self._channel.name
        try:
            answer = await self._send(alert)
        except Undelivered as failure:
            # A permanent error is about the message: the channel itself is well.
            self._failures = 0 if failure.permanent else self._failures + 1
            seconds = rest(self._failures, failure.retry_after, random.random())
            self._rests_until = time.monotonic() + seconds
            after = after_failure(
                before,
                failure.reason,
                permanent=failure.permanent,
                retry_after=failure.retry_after,
                made_at=alert.at,
                now=time.time(),
                spread=random.random(),
            )
        else:
            self._failures, self._rests_until = 0, 0.0
            after = after_success(before, answer, time.time())
        self._metrics.attempted(name, after.state)
        return after

    async def _send(self, alert: Alert) -> str:
        """Raises Undelivered."""
        try:
            async with asyncio.timeout(self._timeout):
                return await self._channel.send(self._message_of(alert))
        except Undelivered:
            raise
        except TimeoutError:
            raise Undelivered(
                reason=f"no answer within {self._timeout:.0f} s", permanent=False
            ) from None
        except Exception as bug:  # noqa: BLE001 - one alert must not bring failover down
            # Not its words, which may hold a secret.
            kind = type(bug).__name__
            where = "".join(traceback.format_tb(bug.__traceback__))
            log.critical("a bug in channel %s: %s\n%s", self._channel.name, kind, where)
            raise Undelivered(reason=f"a bug: {kind}; see the log", permanent=True) from None


def _tell(alert: Alert, channel: str, delivery: Delivery) -> None:
    match delivery.state:
        case DeliveryState.delivered:
            log.info("alert %s is delivered over %s: %s", alert.id, channel, delivery.answer)
        case DeliveryState.given_up:
            log.error(
                "alert %s is given up on %s after %d attempts: %s",
                *(alert.id, channel, delivery.attempts, delivery.answer),
            )
        case _:
            log.warning(
                "alert %s did not go over %s (attempt %d, the next in %.0f s): %s",
                *(alert.id, channel, delivery.attempts),
                *(delivery.next_at - delivery.at, delivery.answer),
            )
