"""Whose clock is wrong: each node's wall time against the median of all, the leader's included."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING

from crony_ops.model.alert import Cause
from crony_ops.store import Txn, mod_is, put
from crony_ops.watcher.node_health import alert_of
from crony_ops.watcher.order import make_alerts

if TYPE_CHECKING:
    from crony_ops.model.alert import Alert
    from crony_ops.model.node import Roster
    from crony_ops.store.keys import Keys
    from crony_ops.watcher.view import Seen

LEADER = ""
TOLD_EVERY = 3600.0


@dataclass(slots=True)
class ClockSamples:
    """The newest offsets (node's clock less the leader's, in seconds) seen with live renewals.

    One sample may be late for a reason of its own, a frozen process say; two in a row tell.
    """

    _offsets: dict[str, deque[float]] = field(default_factory=dict)

    def add(self, node: str, offset: float) -> None:
        self._offsets.setdefault(node, deque(maxlen=2)).append(offset)

    def forget(self, node: str) -> None:
        self._offsets.pop(node, None)

    def offsets(self) -> dict[str, float]:
        """For each node with two samples, the one nearer to nought."""
        return {
            node: min(samples, key=abs)
            for node, samples in self._offsets.items()
            if len(samples) == 2
        }


def judge_clocks(offsets: Mapping[str, float], tolerance: float) -> dict[str, float | None]:
    """How far each node, and ``LEADER`` itself, stands off the median; None within ``tolerance``.

    All in seconds. Below three clocks nobody can tell which of them is wrong: then none is. Of a
    node that is not in ``offsets`` nothing is known yet, and nothing is said.
    """
    clocks = {**offsets, LEADER: 0.0}
    middle = median(clocks.values())
    return {
        node: offset - middle if len(clocks) >= 3 and abs(offset - middle) > tolerance else None
        for node, offset in clocks.items()
    }


def note_clock(
    roster: Seen[Roster], keys: Keys, offset: float | None, now: float
) -> tuple[Txn, tuple[Alert, ...]]:
    """A clock went wrong (``offset`` in seconds off the median), or is right again (None). One
    that goes to and fro is told of once an hour."""
    node = roster.value.node
    update: dict[str, float | None] = {"clock_offset": offset}
    alerts: tuple[Alert, ...] = ()
    if offset is not None and now - roster.value.clock_told_at >= TOLD_EVERY:
        update["clock_told_at"] = now
        name = f"{node.incarnation:x}.{int(now)}"
        alerts = (alert_of(node, Cause.clock, name, now, facts={"offset": round(offset, 1)}),)
    changed = roster.value.model_copy(update=update)
    return Txn(
        (mod_is(roster.entry.key, roster.entry.mod_revision),),
        (
            put(roster.entry.key, changed.to_json()),
            *make_alerts(keys, alerts),
        ),
    ), alerts
