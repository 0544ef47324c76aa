"""Faults of processes: death, freeze, restart, a wrong clock, a full disk."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING

from crony_ops.errors import StoreError
from crony_ops.local.waiting import wait_until
from tests.faults.proof.cluster import STOP_GRACE, ProofCluster
from tests.faults.proof.company import ETCDS, WATCHERS
from tests.faults.proof.disk import has_its_journal
from tests.faults.proof.history import Kind
from tests.faults.proof.nemesis.plan import ALL, LEADER, Step

if TYPE_CHECKING:
    from crony_ops.local.child import Child
    from tests.faults.proof.nemesis.diary import Diary

_STARTED = 20.0

_DEATHS = frozenset({Kind.kill, Kind.restart})
PROCESS_FAULTS = frozenset({Kind.kill, Kind.freeze, Kind.restart, Kind.clock, Kind.disk})


class Processes:
    """Does one thing at a time to a process: who comes meanwhile waits. While ``etcd_is_spared``
    none of its members dies."""

    def __init__(
        self, cluster: ProofCluster, diary: Diary, etcd_is_spared: Callable[[], bool]
    ) -> None:
        self._cluster = cluster
        self._diary = diary
        self._etcd_is_spared = etcd_is_spared
        self._turns: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def perform(self, step: Step) -> None:
        names = await self._names(step)
        async with contextlib.AsyncExitStack() as turns, asyncio.TaskGroup() as group:
            for name in sorted(names):
                await turns.enter_async_context(self._turns[name])
            for name in names:
                group.create_task(self._perform(step, name))

    async def _names(self, step: Step) -> list[str]:
        family, _, which = step.target.partition(" ")
        if not which:
            return [step.target]
        names = ETCDS if family == "etcd" else WATCHERS
        if which == ALL:
            return list(names)
        leader = await self._leader(family)
        others = [name for name in names if name != leader]
        return [leader] if which == LEADER and leader else [others[step.number % len(others)]]

    async def _leader(self, family: str) -> str:
        """Empty where none is known to lead: then any will do."""
        if family == "etcd":
            return await self._cluster.member_that_leads()
        try:
            return await self._cluster.leader()
        except StoreError:
            return ""

    async def _perform(self, step: Step, name: str) -> None:
        self._cluster.check()
        if name in ETCDS and step.kind in _DEATHS and self._etcd_is_spared():
            return
        child = self._cluster.child(name)
        with self._diary.noted(step.kind, name, **step.detail):
            match step.kind:
                case Kind.kill:
                    child.kill()
                    await asyncio.sleep(step.lasts)
                    child.start()
                case Kind.freeze:
                    child.freeze()
                    await asyncio.sleep(step.lasts)
                    child.thaw()
                case Kind.restart:
                    await self._restart(child, step.lasts)
                case Kind.clock:
                    await self._have_wrong_clock(step, name)
                case Kind.disk:
                    await self._have_full_disk(step)

    async def _restart(self, child: Child, rest: float) -> None:
        await child.terminate(STOP_GRACE + 5)
        await asyncio.sleep(rest)
        child.start()

    async def _have_wrong_clock(self, step: Step, name: str) -> None:
        clock = self._cluster.clocks[name]
        clock.set(float(step.detail.get("offset", 0)), float(step.detail.get("drift", 0)))
        await asyncio.sleep(step.lasts)
        clock.set(0.0)

    async def _have_full_disk(self, step: Step) -> None:
        disk = self._cluster.disk
        assert disk is not None
        # On a full disk it would not start at all, and nobody here starts it again.
        agent = self._cluster.child(step.target)
        await wait_until(lambda: has_its_journal(agent.pid), "the agent has its journal", _STARTED)
        await asyncio.to_thread(disk.fill)
        await asyncio.sleep(step.lasts)
        disk.empty()
