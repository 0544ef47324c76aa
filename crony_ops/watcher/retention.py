"""Alerts and closed failovers are bounded: the oldest go, but no alert before its time.

An alert that is on its way, or not routed yet, stays; `overflow` bounds their number.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from crony_ops.alerts.attempts import PATIENCE
from crony_ops.alerts.line import under_way
from crony_ops.model.cluster import Failover
from crony_ops.store import Txn, delete, mod_is
from crony_ops.watcher.order import Order

if TYPE_CHECKING:
    from crony_ops.model.alert import Alert
    from crony_ops.store import Entry
    from crony_ops.watcher.settings import WatcherSettings
    from crony_ops.watcher.view import View


def trims(view: View, settings: WatcherSettings, now: float) -> Iterable[Order]:
    on_its_way = {seen.entry.key for _, seen in view.alerts.items() if _is_owed(seen.value, now)}
    alerts = view.mirror.prefix(view.keys.alerts).values()
    told = [entry for entry in alerts if entry.key not in on_its_way]
    closed = [
        seen.entry
        for _, seen in view.failovers.items()
        if isinstance(seen.value, Failover) and seen.value.closed_at is not None
    ]
    for entry in (
        *_surplus(told, settings.keep_alerts),
        *_surplus(closed, settings.keep_failovers),
    ):
        yield Order(Txn((mod_is(entry.key, entry.mod_revision),), (delete(entry.key),)))


def _is_owed(alert: Alert, now: float) -> bool:
    """Somebody is still to be told."""
    return under_way(alert) or (not alert.deliveries and alert.at > now - PATIENCE)


def _surplus(entries: list[Entry], keep: int) -> list[Entry]:
    return sorted(entries, key=lambda entry: entry.create_revision)[: max(0, len(entries) - keep)]
