"""Whether alerts arrive: what is on its way, what was given up, which channels fail. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crony_ops.alerts.line import under_way
from crony_ops.model.alert import DeliveryState

if TYPE_CHECKING:
    from crony_ops.model.alert import Alert, Delivery

_HOUR, _DAY = 3_600, 86_400


@dataclass(frozen=True, slots=True)
class FailingChannel:
    """A channel over which something failed and is tried again: how many alerts have, and the
    last word of its server."""

    channel: str
    alerts: int
    answer: str


@dataclass(frozen=True, slots=True)
class AlertDelivery:
    """Alerts, counted once whatever the number of their channels: that arrived over one within the
    last hour, that are on their way, and that one gave up within the last day."""

    delivered_last_hour: int
    waiting: int
    given_up: int
    failing: tuple[FailingChannel, ...]

    @property
    def troubles(self) -> list[str]:
        """In words, what somebody has to look at."""
        found = [f"channel {one.channel} fails: {one.answer}" for one in self.failing]
        if self.given_up:
            alerts = "alert was" if self.given_up == 1 else "alerts were"
            found.append(f"{self.given_up:,} {alerts} given up: `crony-ops alerts` says why")
        return found


def alert_delivery(alerts: Iterable[Alert], now: float) -> AlertDelivery:
    """``now`` is in unix seconds."""
    known = list(alerts)
    failed: dict[str, list[Delivery]] = {}
    for alert in known:
        for channel, way in alert.deliveries.items():
            if way.state is DeliveryState.retrying:
                failed.setdefault(channel, []).append(way)
    return AlertDelivery(
        delivered_last_hour=_since(known, DeliveryState.delivered, now - _HOUR),
        waiting=sum(map(under_way, known)),
        given_up=_since(known, DeliveryState.given_up, now - _DAY),
        failing=tuple(
            FailingChannel(channel, len(ways), max(ways, key=lambda way: way.at).answer)
            for channel, ways in sorted(failed.items())
        ),
    )


def _since(alerts: Iterable[Alert], state: DeliveryState, at: float) -> int:
    return sum(
        any(way.state is state and way.at > at for way in alert.deliveries.values())
        for alert in alerts
    )
