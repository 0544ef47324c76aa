"""What becomes a message of its own, what a digest tells of, and what is not sent. Pure.

Up to ``MESSAGES_A_MINUTE`` alerts of one kind go at once. What comes on top of them within a minute
is held until a minute is over, and then told in one digest that names all (in several, where the
names are too many for one message). Nothing overtakes what was made before it about the same job or
node: it is held with that, and told after it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import TYPE_CHECKING, NamedTuple

from crony_ops.alerts.attempts import PATIENCE
from crony_ops.alerts.digests import (
    Deliveries,
    Kind,
    Topic,
    Waiting,
    digest_of,
    in_turn,
    kind_of,
    parts,
    subject,
    topics,
)
from crony_ops.alerts.line import waits
from crony_ops.alerts.routing import ways
from crony_ops.alerts.silences import silenced_by
from crony_ops.model.alert import Alert, Delivery, DeliveryState

if TYPE_CHECKING:
    from crony_ops.alerts.settings import Route
    from crony_ops.model.alert import Silence

MESSAGES_A_MINUTE = 3
MINUTE = 60.0
NOWHERE = "-"
"""In place of a channel, for an alert that no route leads anywhere."""
_OF_OLD = 3600.0


@dataclass(frozen=True, slots=True)
class Digest:
    """``alert`` tells of the ``members`` (ids), whose deliveries are in ``Plan.gathered``. It has
    to stand before theirs are written: then a leader that stops half-way loses none, and the next
    one finds them told of."""

    alert: Alert
    members: tuple[str, ...]


@dataclass(slots=True)
class Plan:
    """``deliveries``: of the alerts to send or not to send any more, by id. ``gathered``: of those
    that a digest tells of, to be written after it. ``look_at``: when what is held comes up (unix
    seconds); None: nothing is held."""

    deliveries: dict[str, Deliveries] = field(default_factory=dict)
    digests: list[Digest] = field(default_factory=list)
    gathered: dict[str, Deliveries] = field(default_factory=dict)
    look_at: float | None = None

    def hold_until(self, at: float) -> None:
        self.look_at = at if self.look_at is None else min(at, self.look_at)


class Standing(NamedTuple):
    """A digest that stands, and its place among the alerts."""

    place: int
    kind: Kind
    digest: Alert


def plan(
    alerts: Sequence[Alert],
    routes: Sequence[Route],
    channels: Collection[str],
    silences: Iterable[Silence],
    now: float,
) -> Plan:
    """What becomes of the alerts that have no deliveries yet, in the light of those that have; and
    of what is left to channels that are gone. ``alerts`` come in the order in which they were made.

    The same question has the same answer, whoever asks; once it is carried out, the next one is
    about the rest.
    """
    result = Plan()
    silences = list(silences)
    for alert in alerts:
        if left := _left_over(alert, channels, now):
            result.deliveries[alert.id] = left
    unrouted = [(place, alert) for place, alert in enumerate(alerts) if not alert.deliveries]
    digests = _digests_after(unrouted[0][0], alerts) if unrouted else {}
    reached: dict[Topic, float] = {}
    overtaken: set[Topic] = set()
    pending: list[Waiting] = []
    for place, alert in unrouted:
        over = ways(alert, routes, channels)
        silence = silenced_by(alert, silences, now)
        if not over:
            answer = Delivery(
                state=DeliveryState.silenced, at=now, answer="no route leads anywhere"
            )
            result.deliveries[alert.id] = {NOWHERE: answer}
        elif _is_of_old(alert, now):
            why = "made by a version that told nobody"
            result.deliveries[alert.id] = _all(over, DeliveryState.silenced, why, now)
        elif silence is not None:
            result.deliveries[alert.id] = _all(
                over, DeliveryState.silenced, f"silence {silence.id}", now
            )
        else:
            about = topics(alert, over)
            later = [one for one in digests.get(subject(alert), ()) if one.place > place]
            told = _told_in(alert, over, later, max(reached.get(topic, 0) for topic in about))
            reached |= dict.fromkeys(about, math.inf if told is None else told.place)
            if told is not None:
                result.gathered[alert.id] = _all(over, DeliveryState.gathered, told.digest.id, now)
                continue
            if any(waits(one.digest, channel) for one in later for channel in over):
                overtaken |= about
            pending.append((alert, over))
    if pending:
        _share_out(pending, overtaken, alerts, now, result)
    return result


def _is_of_old(alert: Alert, now: float) -> bool:
    """Version 0.1.0 made alerts and told nobody; they lack what each has now. Its last ones are
    told: it may have led a moment ago."""
    return not alert.facts and alert.since is None and alert.at < now - _OF_OLD


def _left_over(alert: Alert, channels: Collection[str], now: float) -> Deliveries:
    """What is under way over channels that have no worker any more, and has been for long: nobody
    else would ever end it. Another watcher's settings may be newer, so it is not done at once."""
    if alert.at > now - PATIENCE:
        return {}
    update = {
        "state": DeliveryState.given_up,
        "answer": "there is no such channel any more",
        "at": now,
        "next_at": 0.0,
    }
    return {
        channel: way.model_copy(update=update)
        for channel, way in alert.deliveries.items()
        if channel not in channels and waits(alert, channel)
    }


def _share_out(
    pending: Sequence[Waiting],
    overtaken: Collection[Topic],
    alerts: Iterable[Alert],
    now: float,
    result: Plan,
) -> None:
    """What follows one that is held is held with it, and what follows one that a digest tells of
    is told in a digest after that: as itself it would come before, as it was made before. So it is
    with what is ``overtaken``: a digest stands that tells of what was before it."""
    room, ripe_at = _room(pending, alerts)
    held: set[Topic] = set()
    followed = set(overtaken)
    rest: list[Waiting] = []
    for alert, over in pending:
        kind, about = kind_of(alert, over), topics(alert, over)
        if not held.isdisjoint(about):
            held |= about
        elif not followed.isdisjoint(about) or (not room[kind] and now >= ripe_at[kind]):
            rest.append((alert, over))
            followed |= about
        elif room[kind]:
            room[kind] -= 1
            result.deliveries[alert.id] = over
        else:
            result.hold_until(ripe_at[kind])
            held |= about
    told = set(overtaken)
    for part in chain.from_iterable(map(parts, in_turn(rest))):
        about = frozenset().union(*(topics(alert, over) for alert, over in part))
        first, over = part[0]
        if len(part) == 1 and told.isdisjoint(about):
            result.deliveries[first.id] = over
            continue
        told |= about
        digest = digest_of([alert for alert, _ in part], over, now)
        result.digests.append(Digest(digest, tuple(alert.id for alert, _ in part)))
        for alert, _ in part:
            result.gathered[alert.id] = _all(over, DeliveryState.gathered, digest.id, now)


def _room(
    pending: Iterable[Waiting], alerts: Iterable[Alert]
) -> tuple[dict[Kind, int], dict[Kind, float]]:
    """How many of each kind may go at once, and when what comes on top of them is a minute old."""
    made: dict[Kind, list[float]] = {}
    for alert, over in pending:
        made.setdefault(kind_of(alert, over), []).append(alert.at)
    sent = _sent_since(min(map(min, made.values())) - MINUTE, alerts)
    room, ripe_at = {}, {}
    for kind, times in made.items():
        times.sort()
        began = times[0] - MINUTE
        count = sum(count for at, count in sent.get(kind, ()) if at > began)
        room[kind] = max(0, MESSAGES_A_MINUTE - count)
        ripe_at[kind] = times[min(room[kind], len(times) - 1)] + MINUTE
    return room, ripe_at


def _sent_since(began: float, alerts: Iterable[Alert]) -> dict[Kind, list[tuple[float, int]]]:
    """When messages were sent since then, by kind: what comes within the minute before the oldest
    that waits counts, so that what is held stays so until its digest. A digest fills a minute up:
    more are on the way."""
    sent: dict[Kind, list[tuple[float, int]]] = {}
    for alert in alerts:
        if alert.at > began and any(map(_is_sent, alert.deliveries.values())):
            count = MESSAGES_A_MINUTE if alert.names else 1
            sent.setdefault(kind_of(alert, alert.deliveries), []).append((alert.at, count))
    return sent


def _is_sent(delivery: Delivery) -> bool:
    return delivery.state not in (DeliveryState.silenced, DeliveryState.gathered)


def _digests_after(place: int, alerts: Sequence[Alert]) -> dict[str, list[Standing]]:
    """By each name in them: those alone can tell of an alert in that ``place``."""
    index: dict[str, list[Standing]] = {}
    for at, digest in enumerate(islice(alerts, place, None), place):
        if digest.names and digest.since is not None:
            one = Standing(at, kind_of(digest, digest.deliveries), digest)
            for name in digest.names:
                index.setdefault(name, []).append(one)
    return index


def _told_in(
    alert: Alert, over: Deliveries, later: Iterable[Standing], reached: float
) -> Standing | None:
    """The digest that tells of it already, if there is one: none before the place that was
    ``reached`` by what precedes it."""
    kind = kind_of(alert, over)
    return next(
        (
            one
            for one in later
            if one.place >= reached and one.kind == kind and (one.digest.since or 0) <= alert.at
        ),
        None,
    )


def _all(over: Deliveries, state: DeliveryState, answer: str, now: float) -> Deliveries:
    update = {"state": state, "answer": answer, "at": now}
    return {channel: way.model_copy(update=update) for channel, way in over.items()}
