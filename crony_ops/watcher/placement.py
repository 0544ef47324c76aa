"""Who decides where a job goes: one pure function from what is wanted and what is there to steps.

Level-triggered: it looks at the whole picture, never at an event, and asks for the fewest steps.
A job moves only when it must. What can't be placed is named, with the reason in words.
"""

from __future__ import annotations

import hashlib
import heapq
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crony_ops.model.job import RunOn
    from crony_ops.model.node import Node


@dataclass(frozen=True, slots=True)
class Want:
    """What placement has to know of a spec. ``movable``: may another node take it over?"""

    job_id: str
    revision: int
    run_on: RunOn
    preset_sums: Mapping[str, str]
    movable: bool


@dataclass(frozen=True, slots=True)
class Fleet:
    """The nodes. ``alive`` maps a uuid to its node, or to None where the record can't be read;
    ``known`` are all that the roster remembers, the lost ones too."""

    alive: Mapping[str, Node | None]
    known: Mapping[str, Node] = field(default_factory=dict)
    cordoned: frozenset[str] = frozenset()
    evicting: frozenset[str] = frozenset()
    skewed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Step:
    """One job's way: from nowhere (``source`` empty), to nowhere, or in place when both agree."""

    job_id: str
    source: str
    target: str


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
) -> Placement:
    """``assigned``: job id -> node uuid -> the spec revision that the node was given.
    ``busy``: (node uuid, job id) with an open run. Jobs that nobody wants are not looked at."""
    result = Placement()
    loads = _Loads(assigned, fleet)
    for want in wants:
        homes = assigned.get(want.job_id, {})
        if want.run_on.every:
            _place_everywhere(want, homes, fleet, busy, result)
        else:
            _place_once(want, homes, fleet, busy, loads, result)
    return result


def matches(run_on: RunOn, node: Node) -> bool:
    """Whether ``run_on`` allows the node, all else aside."""
    if run_on.node is not None:
        return run_on.node in (node.name, node.uuid)
    return run_on.group is None or run_on.group in node.groups


def reason_unplaced(run_on: RunOn, preset_sums: Mapping[str, str], fleet: Fleet) -> str:
    """Why no node may take such a job, in words for an operator."""
    readable = [node for node in fleet.alive.values() if node is not None]
    if not readable:
        return "no node is up"
    allowed = [node for node in readable if matches(run_on, node)]
    if not allowed:
        elsewhere = [n.name for n in readable if preset_sums and n.offers(dict(preset_sums))]
        offer = f": {_names(elsewhere)} offers its presets but is not there" if elsewhere else ""
        return f"no node that is up is {_place_in_words(run_on)}{offer}"
    unfit = [node for node in allowed if not node.offers(dict(preset_sums))]
    if len(unfit) == len(allowed):
        missing = sorted(
            f"{name}@{total[:4]}"
            for name, total in preset_sums.items()
            if not any(total in node.presets.get(name, ()) for node in allowed)
        ) or sorted(preset_sums)
        return (
            f"needs preset {', '.join(missing)}, ready on none of {_names(n.name for n in allowed)}"
        )
    fit = [node for node in allowed if node not in unfit]
    if all(node.uuid in fleet.skewed for node in fit):
        return f"the clock of {_names(n.name for n in fit)} is wrong"
    return f"{_names(n.name for n in fit)}: cordoned"


def _place_in_words(run_on: RunOn) -> str:
    if run_on.node is not None:
        return run_on.node
    return f"in group {run_on.group}" if run_on.group else "there"


def _names(names: Iterable[str]) -> str:
    listed = sorted(names)
    return ", ".join(listed[:3]) + (f" and {len(listed) - 3} more" if len(listed) > 3 else "")


def _eligible(want: Want, fleet: Fleet) -> list[str]:
    return [
        uuid
        for uuid, node in fleet.alive.items()
        if node is not None
        and uuid not in fleet.cordoned
        and uuid not in fleet.skewed
        and matches(want.run_on, node)
        and node.offers(dict(want.preset_sums))
    ]


def _place_everywhere(
    want: Want,
    homes: Mapping[str, int],
    fleet: Fleet,
    busy: frozenset[tuple[str, str]],
    result: Placement,
) -> None:
    left = 0
    for uuid, revision in homes.items():
        node = fleet.alive.get(uuid) or fleet.known.get(uuid)
        stays = uuid in fleet.alive and node is None
        if stays or (node is not None and matches(want.run_on, node)):
            if revision != want.revision:
                result.steps.append(Step(want.job_id, uuid, uuid))
            if uuid not in fleet.alive:
                result.bound[uuid].append(want.job_id)
        elif uuid in fleet.alive and (uuid, want.job_id) in busy:
            result.held[want.job_id] = "waits for a run to end"
        else:
            left += 1
            result.steps.append(Step(want.job_id, uuid, ""))
    new = [uuid for uuid in _eligible(want, fleet) if uuid not in homes]
    result.steps.extend(Step(want.job_id, "", uuid) for uuid in new)
    if left == len(homes) and not new:
        result.unplaced[want.job_id] = reason_unplaced(want.run_on, want.preset_sums, fleet)


def _place_once(
    want: Want,
    homes: Mapping[str, int],
    fleet: Fleet,
    busy: frozenset[tuple[str, str]],
    loads: _Loads,
    result: Placement,
) -> None:
    job_id = want.job_id
    home = min(homes, key=lambda uuid: (uuid not in fleet.alive, uuid), default="")
    for extra in sorted(homes.keys() - {home}):
        if extra in fleet.alive and (extra, job_id) in busy:
            result.held[job_id] = "waits for a run to end"
        else:
            result.steps.append(Step(job_id, extra, ""))
    if not home:
        target = loads.least(want)
        if target:
            result.steps.append(Step(job_id, "", target))
        else:
            result.unplaced[job_id] = reason_unplaced(want.run_on, want.preset_sums, fleet)
        return

    # One thing after the other: while a surplus home can't be left yet, the job stays in this one.
    stay = _Stay() if job_id in result.held else _Stay.of(want, home, fleet)
    if stay.must_leave or stay.would_leave:
        target = loads.least(want, but=home)
        if home in fleet.alive and (home, job_id) in busy and (target or stay.must_leave):
            result.held[job_id] = "waits for a run to end"
        elif target:
            loads.moved(home, target)
            result.steps.append(Step(job_id, home, target))
            return
        elif stay.must_leave:
            result.unplaced[job_id] = reason_unplaced(want.run_on, want.preset_sums, fleet)
            result.steps.append(Step(job_id, home, ""))
            return
        else:
            result.held[job_id] = reason_unplaced(want.run_on, want.preset_sums, fleet)
    elif home not in fleet.alive:
        (result.bound if want.run_on.bound else result.stranded)[home].append(job_id)
    if homes[home] != want.revision:
        result.steps.append(Step(job_id, home, home))


@dataclass(frozen=True, slots=True)
class _Stay:
    """Whether a job may stay where it is: ``must_leave`` even for nowhere, ``would_leave`` only
    for a better place."""

    must_leave: bool = False
    would_leave: bool = False

    @classmethod
    def of(cls, want: Want, home: str, fleet: Fleet) -> _Stay:
        if home in fleet.alive:
            node = fleet.alive[home]
            if node is None:
                return cls()
            if not matches(want.run_on, node):
                return cls(must_leave=True)
            evicted = home in fleet.evicting and not want.run_on.bound
            return cls(would_leave=evicted or not node.offers(dict(want.preset_sums)))
        lost = fleet.known.get(home)
        if lost is None or not matches(want.run_on, lost):
            return cls(must_leave=True)
        return cls(must_leave=want.movable)


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

    def least(self, want: Want, but: str = "") -> str:
        """The uuid of the least loaded eligible node (now one job more loaded), or empty."""
        kind = (want.run_on, tuple(sorted(want.preset_sums.items())))
        heap = self._heaps.get(kind)
        if heap is None:
            heap = [self._entry(uuid) for uuid in _eligible(want, self._fleet)]
            heapq.heapify(heap)
            self._heaps[kind] = heap
            for _, _, uuid in heap:
                self._heaps_with[uuid].append(heap)
        passed_over = False
        chosen = ""
        while heap and not chosen:
            count, tie, uuid = heap[0]
            if uuid == but:
                heapq.heappop(heap)
                passed_over = True
            elif count != self._count[uuid]:
                heapq.heapreplace(heap, (self._count[uuid], tie, uuid))
            else:
                chosen = uuid
                self._count[uuid] += 1
        if passed_over:
            heapq.heappush(heap, self._entry(but))
        return chosen

    def moved(self, source: str, target: str) -> None:
        """``least`` has counted the target already; a living source is one job lighter."""
        if source in self._count and source != target:
            self._count[source] -= 1
            for heap in self._heaps_with[source]:
                heapq.heappush(heap, self._entry(source))

    def _entry(self, uuid: str) -> tuple[int, bytes, str]:
        return self._count[uuid], _stable_hash(uuid), uuid


def _stable_hash(uuid: str) -> bytes:
    """The same on every watcher and in every process, unlike ``hash``."""
    return hashlib.blake2b(uuid.encode(), digest_size=8).digest()
