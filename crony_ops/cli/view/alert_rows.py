"""What has become of each alert, in the word that matters most. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from crony_ops.alerts.gathering import NOWHERE
from crony_ops.model.alert import DeliveryState, Severity

if TYPE_CHECKING:
    from crony_ops.model.alert import Alert


class Progress(StrEnum):
    """Of several channels the one that is worst off. ``failed`` is tried again; ``unrouted`` goes
    over no channel, or over none yet."""

    given_up = "given_up"
    failed = "failed"
    waiting = "waiting"
    delivered = "delivered"
    gathered = "gathered"
    silenced = "silenced"
    unrouted = "unrouted"


_OF_STATE = {
    DeliveryState.given_up: Progress.given_up,
    DeliveryState.retrying: Progress.failed,
    DeliveryState.waiting: Progress.waiting,
    DeliveryState.delivered: Progress.delivered,
    DeliveryState.gathered: Progress.gathered,
    DeliveryState.silenced: Progress.silenced,
}
OPEN = frozenset({Progress.waiting, Progress.failed})


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """How far an alert has come over a channel. ``at`` (when it came to this state) and ``next_at``
    (the next attempt; None if there is none to be) are in unix seconds. ``answer`` is the server's
    last word, or the id of the digest that tells of it."""

    channel: str
    state: Progress
    attempts: int
    at: float
    next_at: float | None
    answer: str


@dataclass(frozen=True, slots=True)
class AlertRow:
    """An alert. ``at`` is in unix seconds, ``node`` a name; ``names`` are those of a digest, which
    tells of ``count`` alerts. ``state`` is that of the channel that is worst off."""

    id: str
    at: float
    cause: str
    severity: Severity
    title: str
    message: str
    job: str
    node: str
    run_id: str
    names: tuple[str, ...]
    count: int
    state: Progress
    deliveries: tuple[DeliveryRow, ...]


def alert_rows(alerts: Iterable[Alert]) -> list[AlertRow]:
    """The newest first."""
    return [_row(alert) for alert in sorted(alerts, key=lambda a: (-a.at, a.id))]


def progress_of(alert: Alert) -> Progress:
    if NOWHERE in alert.deliveries:
        return Progress.unrouted
    states = {_OF_STATE[delivery.state] for delivery in alert.deliveries.values()}
    return next((progress for progress in Progress if progress in states), Progress.unrouted)


def _row(alert: Alert) -> AlertRow:
    return AlertRow(
        id=alert.id,
        at=alert.at,
        cause=alert.cause,
        severity=alert.severity,
        title=alert.title,
        message=alert.message,
        job=alert.job,
        node=alert.node_name or alert.node,
        run_id=alert.run_id,
        names=alert.names,
        count=alert.count,
        state=progress_of(alert),
        deliveries=tuple(
            DeliveryRow(
                channel=channel,
                state=_OF_STATE[delivery.state],
                attempts=delivery.attempts,
                at=delivery.at,
                next_at=delivery.next_at or None,
                answer=delivery.answer,
            )
            for channel, delivery in sorted(alert.deliveries.items())
            if channel != NOWHERE
        ),
    )
