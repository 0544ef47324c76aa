"""What nobody can mend but a person: values that can't be read, cursors in the future."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from crony_ops.model.cluster import Alert, Severity
from crony_ops.store import Txn, absent, put
from crony_ops.watcher.order import Order

if TYPE_CHECKING:
    from crony_ops.watcher.view import View

CURSOR_AHEAD = 60.0
"""Seconds that a cursor may stand ahead of the clock before somebody is told."""


class Complaints:
    """Each is made until it stands; then this process remembers it beyond its trimming, and its
    id, that follows from its cause, keeps the next leader from making it again."""

    def __init__(self) -> None:
        self._made: set[str] = set()

    def orders(self, view: View, now: float) -> Iterable[Order]:
        for spelled, (revision, reason) in list(view.unreadable.items()):
            # A key is bytes: one that is no UTF-8 can't go into an alert as it is.
            key = spelled.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
            yield from self._complain(
                view,
                Alert(
                    id=f"unreadable.{_dotted(key)}.{revision}",
                    cause="value unreadable",
                    severity=Severity.warning,
                    title=f"{key} can't be read",
                    message=reason,
                    at=now,
                ),
            )
        for tail, seen in view.cursors.items():
            ahead = seen.value.tick - now
            if ahead > CURSOR_AHEAD:
                yield from self._complain(
                    view,
                    Alert(
                        id=f"cursor-ahead.{_dotted(tail)}.{seen.entry.mod_revision}",
                        cause="cursor ahead",
                        severity=Severity.warning,
                        title=f"the cursor of {tail} is {ahead:.0f} s ahead of the clock",
                        message="the job does not run until then; see docs/operations.md",
                        at=now,
                    ),
                )

    def _complain(self, view: View, alert: Alert) -> Iterable[Order]:
        key = view.keys.alert(alert.id)
        if view.mirror.get(key) is not None:
            self._made.add(alert.id)
        if alert.id not in self._made:
            yield Order(Txn((absent(key),), (put(key, alert.to_json()),)), alert)


def _dotted(key: str) -> str:
    return key.strip("/").replace("/", ".")
