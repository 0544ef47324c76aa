"""How a rebalance is computed: beside the looks of the leader, none of which waits for it.

For the largest of fleets that takes half a minute, and a node may die in any second of it.
"""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from crony_ops.watcher.balance import balance

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Set

    from crony_ops.watcher.eligibility import Fleet, Want
    from crony_ops.watcher.placement import Step

RESTS = 10
LEAST_REST = 1.0
"""What has been found stands for that many times as long as it took to find, and for that many
seconds: then it is asked anew whether runs that have ended or begun allow of better. The looks are
to have the machine meanwhile."""


class Picture(NamedTuple):
    """What `balance` is computed from."""

    wants: Iterable[Want]
    assigned: Mapping[str, Mapping[str, int]]
    fleet: Fleet
    busy: Collection[tuple[str, str]]
    resting: Set[str]


@dataclass(frozen=True, slots=True)
class Spread:
    """What was found for an order, named by its key's revision: the moves, maybe none. ``stale_at``
    is by ``time.monotonic``."""

    order: int
    steps: list[Step]
    stale_at: float


class Spreading:
    """One computation at a time, in a thread. Its task is one of ``group``, and ends with it;
    ``on_found`` is called when there is something to look at."""

    def __init__(self, group: asyncio.TaskGroup, on_found: Callable[[], None]) -> None:
        self._group = group
        self._on_found = on_found
        self._spread: Spread | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def under_way(self) -> bool:
        return self._task is not None and not self._task.done()

    def found_for(self, order: int) -> Spread | None:
        spread = self._spread
        return spread if spread is not None and spread.order == order else None

    def begin(self, order: int, picture: Picture) -> None:
        """When none is ``under_way``. Nothing in the picture may change meanwhile."""
        self._task = self._group.create_task(self._compute(order, picture))

    def give_up(self) -> None:
        """What was found, and what is about to be, is of no use any more."""
        self._spread = None
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _compute(self, order: int, picture: Picture) -> None:
        given_up = threading.Event()
        began = time.monotonic()
        try:
            steps = await asyncio.to_thread(balance, *picture, given_up.is_set)
        finally:
            given_up.set()
        now = time.monotonic()
        self._spread = Spread(order, steps, now + max(LEAST_REST, RESTS * (now - began)))
        self._on_found()
