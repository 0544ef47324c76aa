"""When was there trouble, and for whom? What the nemesis did excuses what came late."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from tests.faults.proof.history import Kind

if TYPE_CHECKING:
    from tests.faults.proof.history import Fault, History

RECOVERY = 2
"""TTLs after a fault in which it may still be felt: a lease has to lapse, and a node to return."""
DECIDED_WITHIN = 30.0
"""Seconds before a write is seen in which it was decided on: it may have been held up on its way,
and etcd and the recorder may have been slow."""
AFTER_A_STALL = 2.0
"""Seconds in which what waited meanwhile is done."""


class Trouble:
    """The faults by whom they touch: one of an etcd member, or of nobody by name, touches all."""

    def __init__(self, history: History) -> None:
        setup = history.setup
        self._recovery = RECOVERY * max(setup.ttl, setup.watcher_ttl)
        self._end = history.end.at
        self._by_name: dict[str, list[Fault]] = defaultdict(list)
        self._spans_by_name: dict[str, tuple[list[float], list[float]]] = {}
        for fault in history.faults:
            # A compaction troubles nobody but one whose watch lags, who knows how to go on. An etcd
            # that is slow for it is a stall.
            if not fault.is_order and fault.kind is not Kind.compact:
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
        for name in ("", *names):
            began_at, until = self._spans(name)
            # Of the spans, which don't overlap, the last one that began by then.
            found = bisect_right(began_at, ended) - 1
            if found >= 0 and until[found] >= began:
                return True
        return False

    def of_kind(self, name: str, kinds: Iterable[Kind], began: float, ended: float) -> Fault | None:
        """A fault of that very process, or of its links, under way at some time between two
        moments: without what it leaves behind."""
        wanted = frozenset(kinds)
        for fault in self._by_name.get(name, ()):
            over = self._end if fault.ended is None else fault.ended
            if fault.kind in wanted and fault.began <= ended and began <= over:
                return fault
        return None

    def wrong_clock(self, name: str, began: float, ended: float) -> Fault | None:
        """A fault of the clock by which that process may have decided on what was seen between two
        moments."""
        return self.of_kind(name, {Kind.clock}, began - DECIDED_WITHIN, ended)

    def last_over(self, name: str, kinds: Iterable[Kind], until: float) -> float:
        """When the last of the faults of that very process, or of its links, that began by then was
        over; 0: there was none."""
        wanted = frozenset(kinds)
        mine = (f for f in self._by_name.get(name, ()) if f.kind in wanted and f.began <= until)
        return max((self._end if f.ended is None else f.ended for f in mine), default=0.0)

    def quiet(self, names: Iterable[str], began: float, ended: float) -> float:
        """The longest time without any trouble between two moments (seconds)."""
        longest, free_from = 0.0, began
        spans = ((f.began, self._until(f)) for f in self.touching(names, began, ended))
        for start, over in sorted(spans):
            longest = max(longest, start - free_from)
            free_from = max(free_from, over)
        return max(longest, ended - free_from)

    def _spans(self, name: str) -> tuple[list[float], list[float]]:
        """When its troubles began, and until when they were felt: those that overlap are one."""
        if name not in self._spans_by_name:
            began_at: list[float] = []
            until: list[float] = []
            for fault in sorted(self._by_name.get(name, ()), key=lambda fault: fault.began):
                if until and fault.began <= until[-1]:
                    until[-1] = max(until[-1], self._until(fault))
                else:
                    began_at.append(fault.began)
                    until.append(self._until(fault))
            self._spans_by_name[name] = began_at, until
        return self._spans_by_name[name]

    def _until(self, fault: Fault) -> float:
        over = self._end if fault.ended is None else fault.ended
        return over + (AFTER_A_STALL if fault.kind is Kind.stall else self._recovery)
