"""Carries a plan out: each step at its time, and at the end all is healed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING

from crony_ops.errors import CronyError, LocalClusterFailed
from tests.faults.proof.history import Kind
from tests.faults.proof.nemesis.network import LINK_FAULTS, Network
from tests.faults.proof.nemesis.processes import PROCESS_FAULTS, Processes
from tests.faults.proof.nemesis.storage import STORAGE_FAULTS, Storage

if TYPE_CHECKING:
    from tests.faults.proof.nemesis.orders import People
    from tests.faults.proof.nemesis.plan import Step

_OVER_WITHIN = 700.0
"""Seconds: the longest of them, to make space in etcd, gives up by itself before."""
_MENDED_AFTER = 3.0
"""Seconds: so long a clock is right again before somebody trusts what its node says."""


class Nemesis:
    def __init__(
        self, processes: Processes, network: Network, storage: Storage, people: People
    ) -> None:
        self._processes = processes
        self._network = network
        self._storage = storage
        self._people = people

    async def perform(self, plan: Sequence[Step]) -> None:
        await in_time(plan, self._perform)
        await self._storage.make_space()

    async def _perform(self, step: Step) -> None:
        if step.kind in PROCESS_FAULTS:
            await self._processes.perform(step)
        elif step.kind in LINK_FAULTS:
            await self._network.perform(step)
        elif step.kind in STORAGE_FAULTS:
            await self._storage.perform(step)
        else:
            await self._people.perform(step)
        if step.kind is Kind.clock:
            await asyncio.sleep(_MENDED_AFTER)
            await self._mend()

    async def _mend(self) -> None:
        try:
            await self._people.mend_cursors()
        except CronyError:
            return  # the next one that has to sees to it, or the end does


async def in_time(
    plan: Sequence[Step], perform: Callable[[Step], Coroutine[None, None, None]]
) -> None:
    """Each step at its time, whatever others are still at; until the last is over. Raises
    LocalClusterFailed, with the names of those that are not over in reasonable time."""
    began = time.monotonic()
    performing = set()
    async with asyncio.TaskGroup() as group:
        for step in plan:
            await asyncio.sleep(began + step.at - time.monotonic())
            name = f"{step.kind} {step.target}"
            performing.add(group.create_task(perform(step), name=name))
        late = (await asyncio.wait(performing, timeout=_OVER_WITHIN))[1] if performing else set()
        if late:
            names = ", ".join(sorted(task.get_name() for task in late))
            raise LocalClusterFailed(
                reason=f"not over {_OVER_WITHIN:.0f} s after the last: {names}"
            )
