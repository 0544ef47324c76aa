"""How a rebalance spreads the jobs: as evenly as may be, by as few moves as that takes. Pure.

The load of a node is the number of its jobs, as in `placement`. As even as may be is where the sum
of the squares of the loads is least: then no chain of moves takes a job from one node to another
that has two jobs fewer. Jobs with the same choice of nodes are of one *kind*, and any of them will
do.

This is a flow at least cost: the squares come first, then the number of moves. It is at its best
when no cycle is left along which it would cost less, so each of those is taken until none is left.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crony_ops.watcher.eligibility import Fleet, Want, eligible
from crony_ops.watcher.placement import Step

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Set

_SINK = ""
"""Where all load flows to: the vertex beside those of the nodes and of the kinds."""

_Vertex = str | int


def balance(
    wants: Iterable[Want],
    assigned: Mapping[str, Mapping[str, int]],
    fleet: Fleet,
    busy: Collection[tuple[str, str]],
    resting: Set[str],
    given_up: Callable[[], bool] = lambda: False,
) -> list[Step]:
    """Each job's move from one eligible node to another, in the order of the job ids.

    A job moves only if it is on one node alone, where it may stay, and may leave it (see `Want`);
    ``resting`` jobs never do. ``busy`` is as in `place`: where there is a choice, a job without an
    open run goes. What has one is in the answer too, and has to wait for its end. From when it is
    ``given_up`` on, what has been found is returned.
    """
    flow = _Flow(dict.fromkeys(fleet.alive, 0))
    for homes in assigned.values():
        for uuid in homes:
            if uuid in flow.load:
                flow.load[uuid] += 1
    for nodes, by_home in _kinds(wants, assigned, fleet, resting).items():
        flow.kinds.append(_Kind(nodes, by_home))
    flow.level()
    while not given_up() and (cycle := flow.cheaper_cycle()):
        flow.take(cycle)
    steps = [step for kind in flow.kinds for step in kind.steps(busy)]
    return sorted(steps, key=lambda step: step.job_id)


def _kinds(
    wants: Iterable[Want],
    assigned: Mapping[str, Mapping[str, int]],
    fleet: Fleet,
    resting: Set[str],
) -> dict[tuple[str, ...], dict[str, list[str]]]:
    """The nodes to choose from -> where the jobs are -> their ids; the least choice first."""
    kinds: dict[tuple[str, ...], dict[str, list[str]]] = {}
    alike: dict[object, tuple[frozenset[str], dict[str, list[str]]]] = {}
    for want in sorted(wants, key=lambda want: want.job_id):
        homes = assigned.get(want.job_id, {})
        if not want.movable or want.job_id in resting or len(homes) != 1:
            continue
        needs = (want.run_on, tuple(sorted(want.preset_sums.items())))
        if needs not in alike:
            nodes = tuple(sorted(eligible(want, fleet)))
            alike[needs] = frozenset(nodes), kinds.setdefault(nodes, defaultdict(list))
        allowed, by_home = alike[needs]
        [home] = homes
        if home in allowed:
            by_home[home].append(want.job_id)
    some_choice = [nodes for nodes in kinds if len(nodes) > 1]
    return {nodes: kinds[nodes] for nodes in sorted(some_choice, key=lambda n: (len(n), n))}


@dataclass(slots=True)
class _Kind:
    """``nodes`` may have the jobs, ``here`` says which has which at first, ``count`` how many each
    is to have."""

    nodes: tuple[str, ...]
    here: Mapping[str, list[str]]
    count: dict[str, int]

    def __init__(self, nodes: tuple[str, ...], here: Mapping[str, list[str]]) -> None:
        self.nodes = nodes
        self.here = here
        self.count = {uuid: len(here.get(uuid, ())) for uuid in nodes}

    def surplus(self, uuid: str) -> int:
        """How many more the node is to have than it had at first."""
        return self.count[uuid] - len(self.here.get(uuid, ()))

    def steps(self, busy: Collection[tuple[str, str]]) -> Iterator[Step]:
        targets = [uuid for uuid in self.nodes for _ in range(self.surplus(uuid))]
        for uuid in self.nodes:
            idle_first = sorted(self.here.get(uuid, ()), key=lambda job: ((uuid, job) in busy, job))
            for job_id in idle_first[: max(0, -self.surplus(uuid))]:
                yield Step(job_id, uuid, targets.pop())


class _Flow:
    """How many jobs of each kind each node is to have. ``load`` counts all jobs of a node, also
    those that can't move."""

    def __init__(self, load: dict[str, int]) -> None:
        self.load = load
        self.kinds: list[_Kind] = []

    def level(self) -> None:
        """Straight moves from the fullest node of a kind to the emptiest, while that is better.

        Most of the way, quickly; what is best of all is for the cycles to find."""
        improved = True
        while improved:
            improved = False
            for kind in self.kinds:
                improved = self._level(kind) or improved

    def _level(self, kind: _Kind) -> bool:
        fullest = [(-self.load[uuid], uuid) for uuid in kind.nodes if kind.count[uuid]]
        emptiest = [(self.load[uuid], uuid) for uuid in kind.nodes]
        heapq.heapify(fullest)
        heapq.heapify(emptiest)
        improved = False
        while fullest and -fullest[0][0] - emptiest[0][0] > 1:
            source, target = heapq.heappop(fullest)[1], heapq.heappop(emptiest)[1]
            self._move(kind, source, target)
            improved = True
            # Neither can become the other: the two never come nearer to each other than one job.
            if kind.count[source]:
                heapq.heappush(fullest, (-self.load[source], source))
            heapq.heappush(emptiest, (self.load[target], target))
        return improved

    def _move(self, kind: _Kind, source: str, target: str) -> None:
        kind.count[source] -= 1
        kind.count[target] += 1
        self.load[source] -= 1
        self.load[target] += 1

    def cheaper_cycle(self) -> list[_Vertex]:
        """A way round along which one job each goes on, for less than nothing; empty if none is.

        From the sink to a node: it gets rid of load. From a node to a kind (its number): a job of
        it is taken off the node. From a kind to a node: it is put down there. From a node to the
        sink: it bears more load."""
        square = 1 + sum(sum(kind.count.values()) for kind in self.kinds)
        arcs = list(self._arcs(square))
        cost: defaultdict[_Vertex, int] = defaultdict(int)
        before: dict[_Vertex, _Vertex] = {}
        improved = True
        while improved:
            improved = False
            for tail, head, price in arcs:
                if cost[tail] + price < cost[head]:
                    cost[head] = cost[tail] + price
                    before[head] = tail
                    improved = True
            if cycle := _cycle_in(before):
                return cycle
        return []

    def _arcs(self, square: int) -> Iterator[tuple[_Vertex, _Vertex, int]]:
        """A move costs 1, one of the sum of squares ``square``: more than all moves together."""
        for uuid, load in self.load.items():
            yield _SINK, uuid, -square * (2 * load - 1)
            yield uuid, _SINK, square * (2 * load + 1)
        for number, kind in enumerate(self.kinds):
            for uuid in kind.nodes:
                surplus = kind.surplus(uuid)
                if kind.count[uuid]:
                    yield uuid, number, -1 if surplus > 0 else 0
                yield number, uuid, 1 if surplus >= 0 else 0

    def take(self, cycle: list[_Vertex]) -> None:
        for tail, head in zip(cycle, [*cycle[1:], cycle[0]], strict=True):
            if tail == _SINK:
                self.load[str(head)] -= 1
            elif head == _SINK:
                self.load[str(tail)] += 1
            elif isinstance(head, int):
                self.kinds[head].count[str(tail)] -= 1
            elif isinstance(tail, int):
                self.kinds[tail].count[head] += 1


def _cycle_in(before: Mapping[_Vertex, _Vertex]) -> list[_Vertex]:
    """A cycle of the graph in which each vertex has one before it at most, in its direction."""
    done: set[_Vertex] = set()
    for start in before:
        path: dict[_Vertex, None] = {}
        vertex = start
        while vertex in before and vertex not in done and vertex not in path:
            path[vertex] = None
            vertex = before[vertex]
        if vertex in path:
            way = list(path)
            return way[way.index(vertex) :][::-1]
        done.update(path)
    return []
