"""Which transactions may go side by side: those that don't touch what another one writes.

etcd evaluates all conditions of a request before it does anything, so two transactions in one
request would not see each other's writes; and it refuses a request that writes a key twice.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from crony_ops.store.txn import Action, Txn

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from crony_ops.store.txn import Op

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a transaction reads (its conditions included) and writes.

    An area is a prefix cut back to its last slash: what it covers is all that the prefix covers,
    if not more.
    """

    reads: frozenset[str]
    writes: frozenset[str]
    read_areas: frozenset[str] = frozenset()
    written_areas: frozenset[str] = frozenset()

    @property
    def keys(self) -> frozenset[str]:
        return self.reads | self.writes

    @property
    def areas(self) -> frozenset[str]:
        return self.read_areas | self.written_areas

    def conflicts(self, other: Footprint) -> bool:
        """Whether either writes what the other touches."""
        return self._disturbs(other) or other._disturbs(self)

    def _disturbs(self, other: Footprint) -> bool:
        if not self.writes.isdisjoint(other.keys):
            return True
        if any(_covers(area, key) for area in other.areas for key in self.writes):
            return True
        return any(
            _covers(area, name) or _covers(name, area)
            for area in self.written_areas
            for name in (*other.keys, *other.areas)
        )


def footprint(txn: Txn) -> Footprint:
    reads: set[str] = set()
    writes: set[str] = set()
    read_areas: set[str] = set()
    written_areas: set[str] = set()
    for part in _parts(txn):
        if isinstance(part, Txn):
            for compare in part.when:
                if compare.prefix:
                    read_areas.add(_area(compare.key))
                else:
                    reads.add(compare.key)
        elif part.prefix:
            areas = read_areas if part.action is Action.GET else written_areas
            areas.add(_area(part.key))
        else:
            (reads if part.action is Action.GET else writes).add(part.key)
    return Footprint(
        frozenset(reads - writes),
        frozenset(writes),
        frozenset(read_areas),
        frozenset(written_areas),
    )


def _parts(txn: Txn) -> Iterator[Op | Txn]:
    yield txn
    for part in (*txn.then, *txn.otherwise):
        if isinstance(part, Txn):
            yield from _parts(part)
        else:
            yield part


def _area(prefix: str) -> str:
    return prefix[: prefix.rfind("/") + 1]


def _areas_over(name: str) -> Iterator[str]:
    """Every area that covers a key, or an area (itself included)."""
    yield ""
    end = name.find("/") + 1
    while end:
        yield name[:end]
        end = name.find("/", end) + 1


def _covers(area: str, name: str) -> bool:
    """An area covers what is in it; as a plain key it never ends in a slash and covers nothing."""
    return area == "" or (area[-1] == "/" and name.startswith(area))


@dataclass(eq=False, slots=True)
class Turn(Generic[T]):
    """A member's place in the order; ``blockers`` many before it are not done yet."""

    member: T
    footprint: Footprint
    blockers: int = 0
    blocks: list[Turn[T]] = field(default_factory=list)


@dataclass(slots=True)
class _Key(Generic[T]):
    """Who is under way on one key: the last writer, and those who have read it since."""

    writer: Turn[T] | None = None
    readers: set[Turn[T]] = field(default_factory=set)


class Order(Generic[T]):
    """Lets members through side by side, but one that conflicts with an earlier one after it."""

    def __init__(self) -> None:
        self._turns: dict[Turn[T], None] = {}
        self._keys: defaultdict[str, _Key[T]] = defaultdict(_Key)
        self._on_area: defaultdict[str, set[Turn[T]]] = defaultdict(set)
        # Kept only from the first prefix on, until nobody is under way: most never see one, and to
        # keep it costs each member that has none as much as all the rest.
        self._below: defaultdict[str, set[Turn[T]]] | None = None

    def enter(self, member: T, prints: Footprint) -> Turn[T]:
        """Take a place at the end. It may go at once if it has no ``blockers``."""
        turn = Turn(member, prints)
        before = {other for other in self._near(prints) if prints.conflicts(other.footprint)}
        for key in prints.reads:
            state = self._keys[key]
            if state.writer is not None:
                before.add(state.writer)
            state.readers.add(turn)
        for key in prints.writes:
            state = self._keys[key]
            if state.writer is not None:
                before.add(state.writer)
            before.update(state.readers)
            state.writer = turn
            state.readers = set()
        for other in before:
            other.blocks.append(turn)
        turn.blockers = len(before)
        self._turns[turn] = None
        self._index(turn)
        return turn

    def leave(self, turn: Turn[T]) -> list[Turn[T]]:
        """The member is done with; the turns that may go now."""
        del self._turns[turn]
        for key in turn.footprint.keys:
            state = self._keys.get(key)
            if state is None:
                continue
            state.readers.discard(turn)
            if state.writer is turn:
                state.writer = None
            if state.writer is None and not state.readers:
                del self._keys[key]
        for area in turn.footprint.areas:
            _discard(self._on_area, area, turn)
        if self._below is not None:
            for area in _all_over(turn.footprint):
                _discard(self._below, area, turn)
            if not self._turns:
                self._below = None
        for other in turn.blocks:
            other.blockers -= 1
        return [other for other in turn.blocks if not other.blockers]

    def _near(self, prints: Footprint) -> Iterable[Turn[T]]:
        """All who may conflict because of an area, theirs or ours."""
        near: set[Turn[T]] = set()
        if self._on_area:
            for area in _all_over(prints):
                if area in self._on_area:
                    near |= self._on_area[area]
        for area in prints.areas:
            if self._below is None:
                self._below = defaultdict(set)
                for turn in self._turns:
                    self._index(turn)
            if area in self._below:
                near |= self._below[area]
        return near

    def _index(self, turn: Turn[T]) -> None:
        for area in turn.footprint.areas:
            self._on_area[area].add(turn)
        if self._below is not None:
            for area in _all_over(turn.footprint):
                self._below[area].add(turn)


def _all_over(prints: Footprint) -> set[str]:
    return {area for name in (*prints.keys, *prints.areas) for area in _areas_over(name)}


def _discard(index: defaultdict[str, set[Turn[T]]], area: str, turn: Turn[T]) -> None:
    index[area].discard(turn)
    if not index[area]:
        del index[area]
