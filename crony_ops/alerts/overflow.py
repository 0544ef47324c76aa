"""A line that grows too long: its younger end is told in digests. Pure.

That keeps what a server that is down for hours is owed to some hundred messages, however much
happens meanwhile, and spares people the flood when it is back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from crony_ops.alerts.digests import digest_of, in_turn
from crony_ops.alerts.line import subjects, waits
from crony_ops.model.alert import Alert, Delivery, DeliveryState

LONGEST_LINE = 100
"""Messages that may wait on a channel."""
KEPT = 50
"""Of a longer line, the oldest so many go as they are."""
MOST_GATHERED = 60
"""Alerts that one digest tells of: it is made, and they are told of, in one transaction."""


class Overflow(NamedTuple):
    """``deliveries`` of the members by id, over that channel, to be written together with the
    digest."""

    digest: Alert
    deliveries: dict[str, dict[str, Delivery]]


def overflow(
    alerts: Sequence[Alert], channel: str, in_hand: Collection[str], now: float
) -> list[Overflow]:
    """``alerts`` come in the order in which they were made; those ``in_hand`` (ids) are being sent
    this moment. A digest is of one kind, goes to the same people, and is made where its members
    were: what comes after it about one of its subjects is not in it."""
    line = [alert for alert in alerts if waits(alert, channel)]
    if len(line) <= LONGEST_LINE:
        return []
    surplus = [alert for alert in line[KEPT:] if alert.id not in in_hand]
    found = []
    told: set[str] = set()
    for members in _alike(surplus, channel):
        about = frozenset().union(*map(subjects, members))
        # One that is alone stays, unless it would then come before what it follows.
        if len(members) > 1 or not told.isdisjoint(about):
            found.append(_gathered(members, channel, now))
            told |= about
    return found


def _alike(alerts: Sequence[Alert], channel: str) -> Iterator[list[Alert]]:
    """Of one kind each, and so that no subject's alerts change places."""
    for group in in_turn((alert, {channel: alert.deliveries[channel]}) for alert in alerts):
        for n in range(0, len(group), MOST_GATHERED):
            yield [alert for alert, _ in group[n : n + MOST_GATHERED]]


def _gathered(members: Sequence[Alert], channel: str, now: float) -> Overflow:
    way = members[0].deliveries[channel]
    over = {channel: Delivery(to=way.to, on_duty=way.on_duty)}
    digest = digest_of(members, over, now)
    digest = digest.model_copy(update={"id": f"{digest.id}.{channel}"})
    told = {"state": DeliveryState.gathered, "answer": digest.id, "at": now, "next_at": 0.0}
    return Overflow(
        digest,
        {
            alert.id: {channel: alert.deliveries[channel].model_copy(update=told)}
            for alert in members
        },
    )
