"""Which alerts one message may tell of, and that message: a digest. Pure.

Alerts are of one kind if they tell the same of different jobs or nodes, over the same channels to
the same people.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from operator import itemgetter
from typing import NamedTuple

from crony_ops.alerts.line import subjects
from crony_ops.alerts.phrases import phrased
from crony_ops.model.alert import Alert, Delivery

NAMES_IN_A_DIGEST = 16_000
"""Characters of names: services take some 20 KB."""
_SUMMED = ("moved", "failed", "bound", "lost_runs")

Deliveries = dict[str, Delivery]
Waiting = tuple[Alert, Deliveries]
Topic = tuple[str, str]
"""A channel, and a job or node that something is told of over it."""


class Kind(NamedTuple):
    cause: str
    ended: bool
    again: bool
    recipients: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...]


def kind_of(alert: Alert, over: Deliveries) -> Kind:
    """What alerts have in common that may be told in one message."""
    recipients = sorted((channel, way.to, way.on_duty) for channel, way in over.items())
    return Kind(alert.cause, alert.ended, bool(alert.facts.get("again")), tuple(recipients))


def subject(alert: Alert) -> str:
    """The name that a digest has of it: the job, the node, or what the alert calls it itself."""
    return alert.job or alert.node_name or str(alert.facts.get("key") or alert.title)


def topics(alert: Alert, over: Deliveries) -> frozenset[Topic]:
    return frozenset((channel, one) for channel in over for one in subjects(alert))


def in_turn(waiting: Iterable[Waiting]) -> list[list[Waiting]]:
    """In groups of one kind each, as few as may be told one after the other without that any
    subject's alerts change places."""
    groups: dict[tuple[int, Kind], list[Waiting]] = {}
    last: dict[Topic, tuple[int, Kind]] = {}
    for alert, over in waiting:
        kind, about = kind_of(alert, over), topics(alert, over)
        before = [last[topic] for topic in about if topic in last]
        turn = max((turn + (other != kind) for turn, other in before), default=0)
        groups.setdefault((turn, kind), []).append((alert, over))
        last |= dict.fromkeys(about, (turn, kind))
    return [groups[at] for at in sorted(groups, key=itemgetter(0))]


def parts(waiting: Sequence[Waiting]) -> Iterator[list[Waiting]]:
    part: list[Waiting] = []
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
