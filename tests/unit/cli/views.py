"""Looks at a cluster that was never in etcd."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crony_ops.cli.view.cluster_view import ClusterView, view_of
from crony_ops.store.entry import Entry
from crony_ops.store.keys import Keys
from tests.integration.cli.example_fleet import example_fleet

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crony_ops.model.record import Record

NOW = 1_795_372_200.0
KEYS = Keys()


def example_view(
    *, without: tuple[str, ...] = (), also: Mapping[str, Record] | None = None
) -> ClusterView:
    """The example fleet without some keys, and with some others."""
    records = {**example_fleet(KEYS, NOW), **(also or {})}
    return view_of_records({k: r for k, r in records.items() if k not in without})


def view_of_records(records: Mapping[str, Record]) -> ClusterView:
    values = {key: record.to_json() for key, record in records.items()}
    return view_of_values(values)


def view_of_values(values: Mapping[str, bytes]) -> ClusterView:
    entries = [Entry(key, value, 1, 1, 1, 0) for key, value in sorted(values.items())]
    prefixes = (
        *(KEYS.meta, KEYS.leader, KEYS.sync, KEYS.watchers, KEYS.nodes, KEYS.rosters),
        *(KEYS.cordons, KEYS.pauses, KEYS.specs, KEYS.healths, KEYS.failovers),
        *(KEYS.alerts, KEYS.jobs, KEYS.opens),
    )
    found = {p: [entry for entry in entries if entry.key.startswith(p)] for p in prefixes}
    return view_of(found, KEYS, revision=5)
