"""What becomes a message of its own, what a digest tells of, and what is not sent. Pure.

Up to ``MESSAGES_A_MINUTE`` alerts of one kind go at once. What comes on top of them within a minute
is held until a minute is over, and then told in one digest that names all (in several, where the
names are too many for one message). Alerts are of one kind if they tell the same of different jobs
or nodes, over the same channels to the same people.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from crony_ops.alerts.attempts import PATIENCE
from crony_ops.alerts.line import waits
from crony_ops.alerts.phrases import phrased
from crony_ops.alerts.routing import ways
from crony_ops.alerts.silences import silenced_by
from crony_ops.model.alert import Alert, Delivery, DeliveryState

if TYPE_CHECKING:
    from crony_ops.alerts.settings import Route
    from crony_ops.model.alert import Silence

MESSAGES_A_MINUTE = 3
MINUTE = 60.0
NAMES_IN_A_DIGEST = 16_000
"""Characters of names: services take some 20 KB."""
NOWHERE = "-"
"""In place of a channel, for an alert that no route leads anywhere."""
_OF_OLD = 3600.0
_SUMMED = ("moved", "failed", "bound", "lost_runs")

Deliveries = dict[str, Delivery]


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


class Kind(NamedTuple):
    cause: str
    ended: bool
    again: bool
    recipients: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...]


Index = dict[tuple[Kind, str], list[tuple[float, float, str]]]
"""Of digests, by kind and each name in them: from when to when it tells of, and its id."""


def plan(
    alerts: Sequence[Alert],
    routes: Sequence[Route],
    channels: Collection[str],
    silences: Iterable[Silence],
    now: float,
) -> Plan:
    """What becomes of the alerts that have no deliveries yet, in the light of those that have; and
    of what is left to channels that are gone.

    The same question has the same answer, whoever asks; once it is carried out, the next one is
    about the rest.
    """
    result = Plan()
    silences = list(silences)
    for alert in alerts:
        if left := _left_over(alert, channels, now):
            result.deliveries[alert.id] = left
    unrouted = [alert for alert in alerts if not alert.deliveries]
    unrouted.sort(key=lambda alert: (alert.at, alert.id))
    digests = _digests_of_the_time(unrouted, alerts)
    pending: dict[Kind, list[tuple[Alert, Deliveries]]] = {}
    for alert in unrouted:
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
        elif (told := _told_in(alert, over, digests)) is not None:
            result.gathered[alert.id] = _all(over, DeliveryState.gathered, told, now)
        else:
            pending.setdefault(kind_of(alert, over), []).append((alert, over))
    if not pending:
        return result
    sent = _sent_since(min(waiting[0][0].at for waiting in pending.values()) - MINUTE, alerts)
    for kind, waiting in pending.items():
        began = waiting[0][0].at - MINUTE
        _share_out(
            waiting, sum(count for at, count in sent.get(kind, ()) if at > began), now, result
        )
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
    waiting: list[tuple[Alert, Deliveries]], sent: int, now: float, result: Plan
) -> None:
    room = max(0, MESSAGES_A_MINUTE - sent)
    alone, rest = waiting[:room], waiting[room:]
    if rest and now < rest[0][0].at + MINUTE:
        result.hold_until(rest[0][0].at + MINUTE)
        rest = []
    if len(rest) == 1:
        alone, rest = [*alone, *rest], []
    for alert, over in alone:
        result.deliveries[alert.id] = over
    for part in _parts(rest):
        over = part[0][1]
        digest = digest_of([alert for alert, _ in part], over, now)
        result.digests.append(Digest(digest, tuple(alert.id for alert, _ in part)))
        for alert, _ in part:
            result.gathered[alert.id] = _all(over, DeliveryState.gathered, digest.id, now)


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


def _digests_of_the_time(unrouted: Sequence[Alert], alerts: Iterable[Alert]) -> Index:
    """Those that may tell of one of the ``unrouted``, which come by the time of their making."""
    index: Index = {}
    if not unrouted:
        return index
    first, last = unrouted[0].at, unrouted[-1].at
    for digest in alerts:
        since = digest.since
        if digest.names and since is not None and since <= last and first <= digest.at:
            kind = kind_of(digest, digest.deliveries)
            for name in digest.names:
                index.setdefault((kind, name), []).append((since, digest.at, digest.id))
    return index


def _told_in(alert: Alert, over: Deliveries, digests: Index) -> str | None:
    """The id of the digest that tells of it already, if there is one."""
    named = digests.get((kind_of(alert, over), subject(alert)), ())
    return next((id_ for since, at, id_ in named if since <= alert.at <= at), None)


def kind_of(alert: Alert, over: Deliveries) -> Kind:
    """What alerts have in common that may be told in one message."""
    recipients = sorted((channel, way.to, way.on_duty) for channel, way in over.items())
    return Kind(alert.cause, alert.ended, bool(alert.facts.get("again")), tuple(recipients))


def subject(alert: Alert) -> str:
    """The name that a digest has of it: the job, the node, or what the alert calls it itself."""
    return alert.job or alert.node_name or str(alert.facts.get("key") or alert.title)


def _parts(
    waiting: Sequence[tuple[Alert, Deliveries]],
) -> Iterator[list[tuple[Alert, Deliveries]]]:
    part: list[tuple[Alert, Deliveries]] = []
    size = 0
    for item in waiting:
        length = len(subject(item[0])) + 2
        if part and size + length > NAMES_IN_A_DIGEST:
            yield part
            part, size = [], 0
        part.append(item)
        size += length
    if part:
        yield part


def digest_of(members: Sequence[Alert], over: Deliveries, now: float) -> Alert:
    """One alert that tells of all ``members``, which are of one kind and may be digests."""
    first = members[0]
    each = (alert.names or (subject(alert),) for alert in members)
    names = tuple(dict.fromkeys(chain.from_iterable(each)))
    facts: dict[str, str | int | float] = {
        name: sum(_number(alert.facts.get(name)) for alert in members)
        for name in _SUMMED
        if any(name in alert.facts for alert in members)
    }
    if first.facts.get("again"):
        facts["again"] = 1
    return phrased(
        Alert(
            # Not that of an earlier one, which may stand though other routes hold by now.
            id=f"digest.{first.id}.{int(now)}",
            cause=first.cause,
            severity=max((alert.severity for alert in members), key=lambda severity: severity.rank),
            title="",
            message="",
            # A node's clock may be ahead of ours.
            at=max(now, *(alert.at for alert in members)),
            ended=first.ended,
            since=min(alert.at for alert in members),
            names=names,
            count=len(names),
            facts=facts,
            groups=tuple(sorted({group for alert in members for group in alert.groups})),
            deliveries=over,
        )
    )


def _number(fact: str | float | None) -> int:
    return int(fact) if isinstance(fact, int | float) else 0


def _all(over: Deliveries, state: DeliveryState, answer: str, now: float) -> Deliveries:
    update = {"state": state, "answer": answer, "at": now}
    return {channel: way.model_copy(update=update) for channel, way in over.items()}
