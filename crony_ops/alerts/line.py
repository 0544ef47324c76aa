"""Who is next on a channel: the oldest alert that is due, in order for each subject. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from crony_ops.model.alert import Alert, DeliveryState

UNDER_WAY = frozenset({DeliveryState.waiting, DeliveryState.retrying})


class Next(NamedTuple):
    """``alert`` is due; where None is, ``at`` tells when one will be (unix seconds), or inf."""

    alert: Alert | None
    at: float


def waits(alert: Alert, channel: str) -> bool:
    delivery = alert.deliveries.get(channel)
    return delivery is not None and delivery.state in UNDER_WAY


def under_way(alert: Alert) -> bool:
    """Whether it is on its way over any channel."""
    return any(delivery.state in UNDER_WAY for delivery in alert.deliveries.values())


def next_in_line(alerts: Iterable[Alert], channel: str, now: float) -> Next:
    """``alerts`` come in the order in which they were made.

    An alert that is tried again later holds back what came after it about the same subject, and
    nothing else: nobody reads that a job is well again before that it failed.
    """
    held: set[str] = set()
    soonest = math.inf
    for alert in alerts:
        if not waits(alert, channel):
            continue
        about = subjects(alert)
        if held.isdisjoint(about):
            due = alert.deliveries[channel].next_at
            if due <= now:
                return Next(alert, now)
            soonest = min(soonest, due)
        held |= about
    return Next(None, soonest)


def subjects(alert: Alert) -> frozenset[str]:
    """The jobs or nodes that it is about; of none, it is a subject of its own."""
    one = alert.job or alert.node_name or alert.node
    return frozenset({one, *alert.names} - {""}) or frozenset({alert.id})
