"""What nobody can mend but a person: values that can't be read, cursors in the future."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crony_ops.alerts.phrases import phrased
from crony_ops.model.alert import Alert, Cause, Severity
from crony_ops.store import Txn, absent
from crony_ops.store.entry import shown_key
from crony_ops.watcher.order import Order, make_alerts

if TYPE_CHECKING:
    from crony_ops.watcher.view import View

CURSOR_AHEAD = 60.0
"""Seconds that a cursor may stand ahead of the clock before somebody is told."""


class Complaints:
    """Each is made until it stands; then this process remembers it beyond its trimming, while its
    cause is there, and its id, that follows from its cause, keeps the next leader from making it
    again."""

    def __init__(self) -> None:
        self._made: set[str] = set()

    def orders(self, view: View, now: float) -> list[Order]:
        """What was told of a value that is another by now, or gone, is forgotten in the ``view``,
        too."""
        causes = _ahead(view, now)
        for spelled, (revision, reason) in list(view.unreadable.items()):
            alert = _unreadable(view, spelled, revision, reason, now)
            entry = view.mirror.get(spelled)
            there = entry is not None and entry.mod_revision == revision
            if alert.id in self._made and not there:
                del view.unreadable[spelled]
            else:
                causes.append(alert)
        stand = {alert.id for alert in causes if view.mirror.get(view.keys.alert(alert.id))}
        self._made = stand | (self._made & {alert.id for alert in causes})
        return [_complaint(view, alert) for alert in causes if alert.id not in self._made]


def _complaint(view: View, alert: Alert) -> Order:
    unmade = absent(view.keys.alert(alert.id))
    return Order(Txn((unmade,), tuple(make_alerts(view.keys, [alert]))), (alert,))


def _unreadable(view: View, spelled: str, revision: int, reason: str, now: float) -> Alert:
    key = shown_key(spelled)
    spec = key.startswith(view.keys.specs)
    return phrased(
        Alert(
            id=f"unreadable.{_dotted(key)}.{revision}",
            cause=Cause.spec_rejected if spec else Cause.value_unreadable,
            severity=Severity.warning,
            title="",
            message="",
            at=now,
            job=key.removeprefix(view.keys.specs) if spec else "",
            reason=reason,
            facts={"key": key},
        )
    )


def _ahead(view: View, now: float) -> list[Alert]:
    return [
        phrased(
            Alert(
                id=f"cursor-ahead.{_dotted(tail)}.{seen.entry.mod_revision}",
                cause=Cause.cursor_ahead,
                severity=Severity.warning,
                title="",
                message="",
                at=now,
                job=tail.partition("/")[0],
                facts={"cursor": tail, "ahead": round(seen.value.tick - now)},
            )
        )
        for tail, seen in view.cursors.items()
        if seen.value.tick - now > CURSOR_AHEAD
    ]


def _dotted(key: str) -> str:
    return key.strip("/").replace("/", ".")
