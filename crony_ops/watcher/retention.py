"""Alerts and closed failovers are bounded: the oldest go."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from crony_ops.model.cluster import Failover
from crony_ops.store import Txn, delete
from crony_ops.watcher.order import Order

if TYPE_CHECKING:
    from crony_ops.store import Entry
    from crony_ops.watcher.settings import WatcherSettings
    from crony_ops.watcher.view import View


def trims(view: View, settings: WatcherSettings) -> Iterable[Order]:
    alerts = list(view.mirror.prefix(view.keys.alerts).values())
    closed = [
        seen.entry
        for _, seen in view.failovers.items()
        if isinstance(seen.value, Failover) and seen.value.closed_at is not None
    ]
    for entry in (
        *_surplus(alerts, settings.keep_alerts),
        *_surplus(closed, settings.keep_failovers),
    ):
        yield Order(Txn((), (delete(entry.key),)))


def _surplus(entries: list[Entry], keep: int) -> list[Entry]:
    return sorted(entries, key=lambda entry: entry.create_revision)[: max(0, len(entries) - keep)]
