"""How the whole cluster stands at one revision of etcd: all that people ask about, read."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from crony_ops.errors import first_cause
from crony_ops.model.alert import Alert
from crony_ops.model.cluster import (
    Failover,
    Health,
    JobOutcome,
    Leader,
    Meta,
    SyncRecord,
    Watcher,
)
from crony_ops.model.node import Cordon, Node, Pause, Roster
from crony_ops.model.spec import Spec
from crony_ops.store.entry import shown_key
from crony_ops.store.keys import Keys

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from crony_ops.model.record import Record
    from crony_ops.store.client import Etcd
    from crony_ops.store.entry import Entry
    from crony_ops.store.settings import EtcdSettings

R = TypeVar("R", bound="Record")


class OpenKey(NamedTuple):
    """An open run, as far as its key tells: claimed or running, where."""

    node: str
    job_id: str
    run_id: str

    @classmethod
    def of(cls, key: str, keys: Keys) -> OpenKey | None:
        """None for a key that is of no run."""
        parts = key.removeprefix(keys.opens).split("/")
        return cls(*parts) if len(parts) == 3 else None


@dataclass(frozen=True, slots=True)
class ClusterView:
    """All records as of ``revision``. Mappings go by node uuid or by job id.

    ``specs`` has the wanted jobs; ``assigned`` the uuids of the nodes that hold a job, living or
    lost. ``alive`` are the nodes whose key is there, also those whose record can't be read.
    ``outcomes`` goes by node uuid and incarnation. ``unreadable`` names the keys that are none of
    ours, or whose values are no such record.
    """

    revision: int
    meta: Meta | None
    leader: Leader | None
    sync: SyncRecord | None
    watchers: tuple[Watcher, ...]
    alive: frozenset[str]
    nodes: Mapping[str, Node]
    rosters: Mapping[str, Roster]
    cordons: Mapping[str, Cordon]
    pauses: Mapping[str, Pause]
    specs: Mapping[str, Spec]
    assigned: Mapping[str, tuple[str, ...]]
    healths: Mapping[str, Health]
    opens: tuple[OpenKey, ...]
    failovers: tuple[Failover, ...]
    outcomes: Mapping[tuple[str, int], tuple[JobOutcome, ...]]
    alerts: tuple[Alert, ...]
    unreadable: tuple[str, ...]

    def name_of(self, node: str) -> str:
        """The name of a node, living or lost; its uuid where no name is known."""
        if node in self.nodes:
            return self.nodes[node].name
        if node in self.rosters:
            return self.rosters[node].node.name
        return node


def look(settings: EtcdSettings) -> ClusterView:
    """Connect, read and disconnect, for a command that asks for nothing else. Raises StoreError."""

    async def read() -> ClusterView:
        from crony_ops.store.client import Etcd

        async with Etcd(settings) as etcd:
            return await read_cluster(etcd, Keys(settings.prefix))

    return asyncio.run(read())


async def read_cluster(etcd: Etcd, keys: Keys) -> ClusterView:
    """Two round trips, whatever the fleet's size. Raises StoreError."""
    _, revision = await etcd.head()
    key_alone = (keys.jobs, keys.opens)
    try:
        async with asyncio.TaskGroup() as group:
            reads = {
                prefix: group.create_task(
                    etcd.range(prefix, keys_only=prefix in key_alone, revision=revision)
                )
                for prefix in (
                    *(keys.meta, keys.leader, keys.sync, keys.watchers, keys.nodes, keys.rosters),
                    *(keys.cordons, keys.pauses, keys.specs, keys.healths, keys.failovers),
                    *(keys.alerts, *key_alone),
                )
            }
    except ExceptionGroup as several:
        raise first_cause(several) from None
    found = {prefix: read.result().entries for prefix, read in reads.items()}
    return view_of(found, keys, revision)


def view_of(found: Mapping[str, Sequence[Entry]], keys: Keys, revision: int) -> ClusterView:
    """What the entries ``found`` under each prefix say. Pure."""
    reader = _Reader()
    found = {prefix: reader.legible(entries) for prefix, entries in found.items()}
    failovers = [e for e in found[keys.failovers] if _depth(e, keys.failovers) == 1]
    outcomes = [e for e in found[keys.failovers] if _depth(e, keys.failovers) == 2]
    opens = {entry.key: OpenKey.of(entry.key, keys) for entry in found[keys.opens]}
    reader.unreadable += [key for key, run in opens.items() if run is None]
    return ClusterView(
        revision=revision,
        meta=reader.one(Meta, found, keys.meta),
        leader=reader.one(Leader, found, keys.leader),
        sync=reader.one(SyncRecord, found, keys.sync),
        watchers=tuple(reader.by_name(Watcher, found[keys.watchers]).values()),
        alive=frozenset(entry.key.rpartition("/")[2] for entry in found[keys.nodes]),
        nodes=reader.by_name(Node, found[keys.nodes]),
        rosters=reader.by_name(Roster, found[keys.rosters]),
        cordons=reader.by_name(Cordon, found[keys.cordons]),
        pauses=reader.by_name(Pause, found[keys.pauses]),
        specs=reader.by_name(Spec, found[keys.specs]),
        assigned=_holders(found[keys.jobs], keys),
        healths=reader.by_name(Health, found[keys.healths]),
        opens=tuple(run for run in opens.values() if run is not None),
        failovers=tuple(reader.by_key(Failover, failovers).values()),
        outcomes=_by_failover(reader.by_key(JobOutcome, outcomes), keys, reader.unreadable),
        alerts=tuple(reader.by_name(Alert, found[keys.alerts]).values()),
        unreadable=tuple(reader.unreadable),
    )


def _depth(entry: Entry, prefix: str) -> int:
    return entry.key.removeprefix(prefix).count("/")


class _Reader:
    """Reads values as records, and keeps the keys of those that can't be read."""

    def __init__(self) -> None:
        self.unreadable: list[str] = []

    def legible(self, entries: Iterable[Entry]) -> list[Entry]:
        """Those whose keys are texts, as all of ours are."""
        found = []
        for entry in entries:
            if entry.key.isprintable():
                found.append(entry)
            else:
                self.unreadable.append(shown_key(entry.key))
        return found

    def by_key(self, record: type[R], entries: Iterable[Entry]) -> dict[str, R]:
        records = {}
        for entry in entries:
            try:
                records[entry.key] = record.from_json(entry.value)
            except ValueError:
                self.unreadable.append(entry.key)
        return records

    def by_name(self, record: type[R], entries: Iterable[Entry]) -> dict[str, R]:
        """By the last part of the key."""
        records = self.by_key(record, entries)
        return {key.rpartition("/")[2]: value for key, value in records.items()}

    def one(self, record: type[R], found: Mapping[str, Sequence[Entry]], key: str) -> R | None:
        """Reads go by prefix, and may have found a longer key beside it."""
        return self.by_key(record, (e for e in found[key] if e.key == key)).get(key)


def _holders(entries: Iterable[Entry], keys: Keys) -> dict[str, tuple[str, ...]]:
    holders: dict[str, list[str]] = defaultdict(list)
    for entry in entries:
        node, _, job_id = entry.key.removeprefix(keys.jobs).partition("/")
        holders[job_id].append(node)
    return {job_id: tuple(nodes) for job_id, nodes in holders.items()}


def _by_failover(
    outcomes: Mapping[str, JobOutcome], keys: Keys, unreadable: list[str]
) -> dict[tuple[str, int], tuple[JobOutcome, ...]]:
    grouped: dict[tuple[str, int], list[JobOutcome]] = defaultdict(list)
    for key, outcome in outcomes.items():
        node, incarnation, _ = key.removeprefix(keys.failovers).split("/", 2)
        try:
            grouped[node, int(incarnation, 16)].append(outcome)
        except ValueError:
            unreadable.append(key)
    return {life: tuple(of_life) for life, of_life in grouped.items()}
