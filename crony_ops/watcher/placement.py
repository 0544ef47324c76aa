"""Who decides where a job goes: one pure function from what is wanted and what is there to steps.

Level-triggered: it looks at the whole picture, never at an event, and asks for the fewest steps.
A job moves only when it must. What can't be placed is named, with the reason in words.
"""

from __future__ import annotations

import hashlib
import heapq
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from crony_ops.watcher.eligibility import (
    Fleet,
    Want,
    eligible,
    matches,
    may_have,
    reason_unplaced,
)


@dataclass(frozen=True, slots=True)
class Step:
    """One job's way: from nowhere (``source`` empty), to nowhere, or in place when both agree.

    ``stands_in_for``: the living node that the job left only because its presets are not ready
    there; it goes back when they are. ``leaving``: it stays for its open run, and gets no other.
    """

    job_id: str
    source: str
    target: str
    stands_in_for: str = ""
    leaving: bool = False


@dataclass(slots=True)
class Placement:
    """``unplaced``: jobs on no node. ``held``: jobs that should leave their node and can't yet.
    ``stranded`` and ``bound``: jobs that stay with a lost node, by node."""

    steps: list[Step] = field(default_factory=list)
    unplaced: dict[str, str] = field(default_factory=dict)
    held: dict[str, str] = field(default_factory=dict)
    stranded: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    bound: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))


def place(
    wants: Iterable[Want],
    assigned: Mapping[str, Mapping[str, int]],
    fleet: Fleet,
    busy: frozenset[tuple[str, str]],
    away: Mapping[str, str] = MappingProxyType({}),
    leaving: Collection[tuple[str, str]] = frozenset(),
) -> Placement:
    """``assigned``: job id -> node uuid -> the spec revision that the node was given.
    ``busy``: (node uuid, job id) with an open run. ``away``: job id -> the node that its own
    stands in for (see `Step`). ``leaving``: (node uuid, job id) that was told so. Jobs that nobody
    wants are not looked at."""
    result = Placement()
    loads = _Loads(assigned, fleet)
    for want in wants:
        homes = assigned.get(want.job_id, {})
        if want.run_on.every:
            _place_everywhere(want, homes, fleet, busy, loads, result)
        else:
            marks = _Marks(away.get(want.job_id, ""), leaving)
            _place_once(want, homes, fleet, busy, marks, loads, result)
    return result


def _place_everywhere(
    want: Want,
    homes: Mapping[str, int],
    fleet: Fleet,
    busy: frozenset[tuple[str, str]],
    loads: _Loads,
    result: Placement,
) -> None:
    left = 0
    for uuid, revision in homes.items():
        node = fleet.alive.get(uuid) or fleet.known.get(uuid)
        stays = node is None and (uuid in fleet.alive or uuid in fleet.known)
        if stays or (node is not None and matches(want.run_on, node)):
            if revision != want.revision:
                result.steps.append(Step(want.job_id, uuid, uuid))
            if uuid not in fleet.alive:
                result.bound[uuid].append(want.job_id)
        elif uuid in fleet.alive and (uuid, want.job_id) in busy:
            result.held[want.job_id] = "waits for a run to end"
        else:
            left += 1
            loads.take(uuid)
            result.steps.append(Step(want.job_id, uuid, ""))
    new = [uuid for uuid in eligible(want, fleet) if uuid not in homes]
    result.steps.extend(Step(want.job_id, "", loads.give(uuid)) for uuid in new)
    if left == len(homes) and not new:
        result.unplaced[want.job_id] = reason_unplaced(want.run_on, want.preset_sums, fleet)


def _place_once(
    want: Want,
    homes: Mapping[str, int],
    fleet: Fleet,
    busy: frozenset[tuple[str, str]],
    marks: _Marks,
    loads: _Loads,
    result: Placement,
) -> None:
    job_id = want.job_id
    home = next(iter(homes)) if len(homes) == 1 else _to_keep(want, homes, fleet)
    for extra in sorted(homes.keys() - {home}) if len(homes) > 1 else ():
        if extra in fleet.alive and (extra, job_id) in busy:
            result.held[job_id] = "waits for a run to end"
        else:
            loads.take(extra)
            result.steps.append(Step(job_id, extra, ""))
    if not home:
        target = loads.least(want)
        if target:
            result.steps.append(Step(job_id, "", target))
        else:
            result.unplaced[job_id] = reason_unplaced(want.run_on, want.preset_sums, fleet)
        return

    # One thing after the other: while a surplus home can't be left yet, the job stays in this one.
    away, leaves = marks.away, False
    stay = _Stay() if job_id in result.held else _Stay.of(want, home, away, fleet)
    if stay.must_leave or stay.would_leave:
        # Whatever drives it away is a reason why it may not be given this very node again.
        target = loads.give(away) if stay.goes_back else loads.least(want)
        if home in fleet.alive and (home, job_id) in busy and (target or stay.must_leave):
            result.held[job_id] = "waits for a run to end"
            leaves = stay.must_leave or stay.evicted
        elif target:
            loads.take(home)
            result.steps.append(Step(job_id, home, target, stay.stands_in_for))
            return
        elif stay.must_leave:
            loads.take(home)
            result.unplaced[job_id] = reason_unplaced(want.run_on, want.preset_sums, fleet)
            result.steps.append(Step(job_id, home, ""))
            return
        else:
            result.held[job_id] = reason_unplaced(want.run_on, want.preset_sums, fleet)
    elif home not in fleet.alive:
        (result.bound if want.run_on.bound else result.stranded)[home].append(job_id)
    if homes[home] != want.revision or leaves != ((home, job_id) in marks.leaving):
        result.steps.append(Step(job_id, home, home, away, leaves))


def _to_keep(want: Want, homes: Mapping[str, int], fleet: Fleet) -> str:
    """The home to keep of those that a job has: one that lives, and that it may stay on; or else
    one that is remembered, for its failover tells what became of the job."""

    def demerits(uuid: str) -> tuple[bool, bool, bool, str]:
        node = fleet.alive.get(uuid)
        may_not_stay = node is not None and not matches(want.run_on, node)
        forgotten = uuid not in fleet.alive and uuid not in fleet.known
        return uuid not in fleet.alive, forgotten, may_not_stay, uuid

    return min(homes, key=demerits, default="")


@dataclass(frozen=True, slots=True)
class _Marks:
    """What the assignments say beside the job: see `place`."""

    away: str
    leaving: Collection[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class _Stay:
    """Whether a job may stay where it is: ``must_leave`` even for nowhere, ``would_leave`` only
    for a better place (``evicted``: for any), ``goes_back`` only to the node that its own stands in
    for."""

    must_leave: bool = False
    would_leave: bool = False
    evicted: bool = False
    goes_back: bool = False
    stands_in_for: str = ""

    @classmethod
    def of(cls, want: Want, home: str, away: str, fleet: Fleet) -> _Stay:
        if home in fleet.alive:
            node = fleet.alive[home]
            if node is None:
                return _STAYS
            if not matches(want.run_on, node):
                return cls(must_leave=True)
            if home in fleet.evicting and want.movable:
                return cls(would_leave=True, evicted=True)
            if away and away != home and may_have(want, away, fleet):
                return cls(would_leave=True, goes_back=True)
            if not node.offers(want.preset_sums):
                # The first node that is ready would else keep the jobs of all that are slower.
                return cls(would_leave=True, stands_in_for=away or home)
            return _STAYS
        if home not in fleet.known:
            return cls(must_leave=True)
        lost = fleet.known[home]
        if lost is not None and not matches(want.run_on, lost):
            return cls(must_leave=True)
        return cls(must_leave=want.movable)


_STAYS = _Stay()


class _Loads:
    """The number of jobs of each node, and the least loaded of the eligible ones in O(log nodes).

    Wants of one kind (same ``run_on``, same presets) share a heap. Of each node it has an entry
    that is right or too low; one that is wrong is put right when it comes up.
    """

    def __init__(self, assigned: Mapping[str, Mapping[str, int]], fleet: Fleet) -> None:
        self._fleet = fleet
        self._count = dict.fromkeys(fleet.alive, 0)
        for homes in assigned.values():
            for uuid in homes:
                if uuid in self._count:
                    self._count[uuid] += 1
        self._heaps: dict[object, list[tuple[int, bytes, str]]] = {}
        self._heaps_with: defaultdict[str, list[list[tuple[int, bytes, str]]]] = defaultdict(list)

    def least(self, want: Want) -> str:
        """The uuid of the least loaded eligible node (now one job more loaded), or empty."""
        kind = (want.run_on, tuple(sorted(want.preset_sums.items())))
        heap = self._heaps.get(kind)
        if heap is None:
            heap = [self._entry(uuid) for uuid in eligible(want, self._fleet)]
            heapq.heapify(heap)
            self._heaps[kind] = heap
            for _, _, uuid in heap:
                self._heaps_with[uuid].append(heap)
        while heap:
            count, tie, uuid = heap[0]
            if count == self._count[uuid]:
                self._count[uuid] += 1
                return uuid
            heapq.heapreplace(heap, (self._count[uuid], tie, uuid))
        return ""

    def give(self, uuid: str) -> str:
        """A living node becomes one job more loaded, whatever others have."""
        self._count[uuid] += 1
        return uuid

    def take(self, uuid: str) -> None:
        """A node becomes one job less loaded, if it lives."""
        if uuid in self._count:
            self._count[uuid] -= 1
            for heap in self._heaps_with[uuid]:
                heapq.heappush(heap, self._entry(uuid))

    def _entry(self, uuid: str) -> tuple[int, bytes, str]:
        return self._count[uuid], _stable_hash(uuid), uuid


def _stable_hash(uuid: str) -> bytes:
    """The same on every watcher and in every process, unlike ``hash``."""
    return hashlib.blake2b(uuid.encode(), digest_size=8).digest()
