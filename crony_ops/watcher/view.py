"""The key space as the leader sees it: mirrored entries, decoded once for each revision.

A value that can't be read is named in ``unreadable`` and stops nothing. Where a guess could do
harm it counts as what changes least: such a node is alive, such a spec is still wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from crony_ops.model.alert import Alert, Silence
from crony_ops.model.cluster import Failover, Health, JobOutcome, Rebalance
from crony_ops.model.job import JOB_ID
from crony_ops.model.node import Cordon, Node, Pause, Roster
from crony_ops.model.record import Record
from crony_ops.model.run import News, OpenRun
from crony_ops.model.spec import Cursor, Spec
from crony_ops.watcher.eligibility import Fleet, Want

if TYPE_CHECKING:
    from crony_ops.store import Entry, Mirror
    from crony_ops.store.keys import Keys

T = TypeVar("T")
UNREADABLE_REVISION = -1


@dataclass(frozen=True, slots=True)
class Seen(Generic[T]):
    """A decoded value and the entry it came from, whose revisions a write has to compare."""

    value: T
    entry: Entry


class Decoded(Generic[T]):
    """The entries under one prefix, by what follows the prefix in their key."""

    def __init__(
        self,
        mirror: Mirror,
        prefix: str,
        read: Callable[[str, Entry], T],
        unreadable: dict[str, tuple[int, str]],
    ) -> None:
        self._mirror = mirror
        self._prefix = prefix
        self._read = read
        self._unreadable = unreadable
        # By whole key, whose hash is there: to cut and hash 100,000 tails costs more than the rest.
        self._cache: dict[str, tuple[str, Seen[T]]] = {}

    def items(self) -> Iterator[tuple[str, Seen[T]]]:
        fresh: dict[str, tuple[str, Seen[T]]] = {}
        for key, entry in self._mirror.prefix(self._prefix).items():
            item = self._cache.get(key)
            if item is None or item[1].entry is not entry:
                item = self._decode(entry)
            if item is not None:
                fresh[key] = item
        self._cache = fresh
        return iter(fresh.values())

    def get(self, tail: str) -> Seen[T] | None:
        entry = self.entry(tail)
        item = None if entry is None else self._decode(entry)
        return None if item is None else item[1]

    def entry(self, tail: str) -> Entry | None:
        """Readable or not."""
        return self._mirror.prefix(self._prefix).get(self._prefix + tail)

    def _decode(self, entry: Entry) -> tuple[str, Seen[T]] | None:
        known = self._cache.get(entry.key)
        if known is not None and known[1].entry.mod_revision == entry.mod_revision:
            return known
        if self._unreadable.get(entry.key, (0, ""))[0] == entry.mod_revision:
            return None
        tail = entry.key[len(self._prefix) :]
        try:
            item = tail, Seen(self._read(tail, entry), entry)
        except ValueError as error:
            self._unreadable[entry.key] = (entry.mod_revision, _in_one_line(error))
            return None
        self._cache[entry.key] = item
        return item


class Given(Record):
    """All that placement has to know of an assignment."""

    spec_revision: int
    stands_in_for: str = ""
    leaving: bool = False


class View:
    """What the leader decides by. Every member is a ``Decoded`` of one prefix."""

    def __init__(self, mirror: Mirror, keys: Keys, *, cmd_auto_allocation: bool) -> None:
        self.keys = keys
        self.mirror = mirror
        self.unreadable: dict[str, tuple[int, str]] = {}

        def decoded(prefix: str, read: Callable[[str, Entry], T]) -> Decoded[T]:
            return Decoded(mirror, prefix, read, self.unreadable)

        def want(job_id: str, entry: Entry) -> Want:
            if JOB_ID.fullmatch(job_id) is None:
                raise ValueError("this is no job id")
            spec = Spec.from_json(entry.value)
            movable = spec.job.movable or (cmd_auto_allocation and not spec.job.run_on.bound)
            return Want(
                job_id, entry.mod_revision, spec.job.run_on, spec.preset_sums or {}, movable
            )

        self.nodes = decoded(keys.nodes, _node)
        self.wants = decoded(keys.specs, want)
        self.given = decoded(keys.jobs, lambda _, e: _given(e))
        self.cursors = decoded(keys.cursors, lambda _, e: Cursor.from_json(e.value))
        self.opens = decoded(keys.opens, _open_run)
        self.cordons = decoded(keys.cordons, lambda _, e: Cordon.from_json(e.value))
        self.pauses = decoded(keys.pauses, lambda _, e: Pause.from_json(e.value))
        self.rosters = decoded(keys.rosters, lambda _, e: Roster.from_json(e.value))
        self.failovers = decoded(keys.failovers, _failover_or_outcome)
        self.healths = decoded(keys.healths, lambda _, e: Health.from_json(e.value))
        self.news = decoded(keys.all_news, _news)
        self.alerts = decoded(keys.alerts, _alert)
        self.silences = decoded(keys.silences, lambda _, e: Silence.from_json(e.value))
        self.rebalances = decoded(keys.rebalance, lambda _, e: Rebalance.from_json(e.value))

    @staticmethod
    def prefixes(keys: Keys) -> tuple[str, ...]:
        """What the watcher's mirror has to hold for this view."""
        return (
            keys.nodes,
            keys.specs,
            keys.jobs,
            keys.cursors,
            keys.opens,
            keys.cordons,
            keys.pauses,
            keys.rosters,
            keys.failovers,
            keys.healths,
            keys.all_news,
            keys.alerts,
            keys.silences,
            keys.rebalance,
            keys.leader,
        )

    def alive(self) -> dict[str, Node | None]:
        readable = {uuid: seen.value for uuid, seen in self.nodes.items()}
        prefix = self.keys.nodes
        return {
            key[len(prefix) :]: readable.get(key[len(prefix) :])
            for key in self.mirror.prefix(prefix)
        }

    def cordoned(self) -> set[str]:
        """Also by a cordon that can't be read."""
        prefix = self.keys.cordons
        return {key[len(prefix) :] for key in self.mirror.prefix(prefix)}

    def is_alive(self, uuid: str) -> bool:
        return self.nodes.entry(uuid) is not None

    def node_name(self, uuid: str) -> str:
        node = self.nodes.get(uuid)
        if node is not None:
            return node.value.name
        roster = self.rosters.get(uuid)
        return roster.value.node.name if roster is not None else uuid

    def assigned(self) -> dict[str, dict[str, int]]:
        """Job id -> node uuid -> the revision of the spec that the node was given."""
        assigned: dict[str, dict[str, int]] = {}
        for tail, seen in self.given.items():
            node, _, job_id = tail.partition("/")
            assigned.setdefault(job_id, {})[node] = seen.value.spec_revision
        return assigned

    def away(self) -> dict[str, str]:
        """Job id -> the node that the job's own stands in for."""
        return {
            tail.partition("/")[2]: seen.value.stands_in_for
            for tail, seen in self.given.items()
            if seen.value.stands_in_for
        }

    def leaving(self) -> frozenset[tuple[str, str]]:
        """(Node uuid, job id) of the assignments of which no more ticks are claimed."""
        parts = (tail.partition("/") for tail, seen in self.given.items() if seen.value.leaving)
        return frozenset((node, job_id) for node, _, job_id in parts)

    def resting(self) -> set[str]:
        """The paused jobs, also those whose pause can't be read."""
        prefix = self.keys.pauses
        return {key[len(prefix) :] for key in self.mirror.prefix(prefix)}

    def fleet(self) -> Fleet:
        """The nodes, as placement sees them."""
        clocks = {uuid: seen.value.clock_offset for uuid, seen in self.rosters.items()}
        remembered = self.mirror.prefix(self.keys.rosters)
        uuids = (key[len(self.keys.rosters) :] for key in remembered)
        known = {uuid: self.rosters.get(uuid) for uuid in uuids}
        return Fleet(
            alive=self.alive(),
            known={uuid: seen.value.node if seen else None for uuid, seen in known.items()},
            cordoned=frozenset(self.cordoned()),
            evicting=frozenset(u for u, cordon in self.cordons.items() if cordon.value.evict),
            skewed=frozenset(uuid for uuid, offset in clocks.items() if offset is not None),
        )

    def open_runs(self) -> dict[tuple[str, str], list[Seen[OpenRun]]]:
        """(Node uuid, job id) -> the runs that are claimed or running there."""
        runs: dict[tuple[str, str], list[Seen[OpenRun]]] = {}
        for tail, seen in self.opens.items():
            node, job_id, _ = tail.split("/")
            runs.setdefault((node, job_id), []).append(seen)
        return runs

    def busy(self) -> frozenset[tuple[str, str]]:
        """(Node uuid, job id) with an open run, one that can't be read too."""
        prefix = self.keys.opens
        found = (key[len(prefix) :].split("/") for key in self.mirror.prefix(prefix))
        return frozenset((parts[0], parts[1]) for parts in found if len(parts) == 3)


def _given(entry: Entry) -> Given:
    """An assignment that can't be read has a revision that no spec has, so that it is rewritten."""
    try:
        return Given.from_json(entry.value)
    except ValueError:
        return Given(spec_revision=UNREADABLE_REVISION)


def _node(uuid: str, entry: Entry) -> Node:
    node = Node.from_json(entry.value)
    if node.uuid != uuid:
        raise ValueError(f"the record is of {node.uuid}")
    return node


def _alert(alert_id: str, entry: Entry) -> Alert:
    """What becomes of an alert is written to the key that its record names: it must be this."""
    alert = Alert.from_json(entry.value)
    if alert.id != alert_id:
        raise ValueError(f"the record is of {alert.id}")
    return alert


def _open_run(tail: str, entry: Entry) -> OpenRun:
    """What is written about a run goes to the keys that its record names: they must be these."""
    run = OpenRun.from_json(entry.value)
    if tail.count("/") != 2 or tail != f"{run.node}/{run.job_id}/{run.run_id}":
        raise ValueError(f"the record is of {run.run_id} of {run.job_id} on {run.node}")
    return run


def _news(tail: str, entry: Entry) -> News:
    """What is told of it names what its record names: that must be what it stands under."""
    news = News.from_json(entry.value)
    if tail != f"{news.job_id}/{news.run_id}":
        raise ValueError(f"the record is of {news.run_id} of {news.job_id}")
    return news


def _failover_or_outcome(tail: str, entry: Entry) -> Failover | JobOutcome:
    record = JobOutcome if tail.count("/") == 2 else Failover
    return record.from_json(entry.value)


def _in_one_line(error: ValueError) -> str:
    return " ".join(str(error).split())[:300]
