"""When was there trouble, and for whom? What the nemesis did excuses what came late."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.faults.proof.history import Fault, History, Kind

RECOVERY = 2
"""TTLs after a fault in which it may still be felt: a lease has to lapse, and a node to return."""


class Trouble:
    """The faults by whom they touch: one of an etcd member, or of nobody by name, touches all."""

    def __init__(self, history: History) -> None:
        setup = history.setup
        self._recovery = RECOVERY * max(setup.ttl, setup.watcher_ttl)
        self._end = history.end.at
        self._by_name: dict[str, list[Fault]] = defaultdict(list)
        for fault in history.faults:
            if not fault.is_order:
                client = fault.target.partition(">")[0]
                everybody = not client or client in setup.etcds
                self._by_name["" if everybody else client].append(fault)

    def touching(self, names: Iterable[str], began: float, ended: float) -> Iterator[Fault]:
        """The faults that somebody of those names may have felt between two moments."""
        for name in ("", *names):
            for fault in self._by_name.get(name, ()):
                if fault.began <= ended and began <= self._until(fault):
                    yield fault

    def felt(self, names: Iterable[str], began: float, ended: float) -> bool:
        return any(True for _ in self.touching(names, began, ended))

    def of_kind(self, name: str, kinds: Iterable[Kind], began: float, ended: float) -> Fault | None:
        """A fault of that very process, or of its links, under way at some time between two
        moments: without what it leaves behind."""
        wanted = frozenset(kinds)
        for fault in self._by_name.get(name, ()):
            over = self._end if fault.ended is None else fault.ended
            if fault.kind in wanted and fault.began <= ended and began <= over:
                return fault
        return None

    def quiet(self, names: Iterable[str], began: float, ended: float) -> float:
        """The longest time without any trouble between two moments (seconds)."""
        longest, free_from = 0.0, began
        spans = ((f.began, self._until(f)) for f in self.touching(names, began, ended))
        for start, over in sorted(spans):
            longest = max(longest, start - free_from)
            free_from = max(free_from, over)
        return max(longest, ended - free_from)

    def _until(self, fault: Fault) -> float:
        return (self._end if fault.ended is None else fault.ended) + self._recovery
