"""How this machine is doing, told to etcd for as long as somebody looks."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from crony_ops.errors import StoreError
from crony_ops.node.machine import RunProcess, disks, measure
from crony_ops.probe import Probe

if TYPE_CHECKING:
    from crony_ops.model.system import Disk, SystemInfo
    from crony_ops.store import Etcd, Mirror
    from crony_ops.store.keys import Keys

log = logging.getLogger(__name__)

EVERY = 2.0
FIRST_LOOK = 0.5
"""Seconds between the first two looks: a use of the processor is one over some time."""
PATIENCE = 1.0

T = TypeVar("T")


class SystemKey:
    """Best effort, and nothing at all while nobody looks. ``lease`` is the node's, ``processes``
    gives the runs of shell jobs and how many runs there are in all."""

    def __init__(
        self,
        etcd: Etcd,
        keys: Keys,
        uuid: str,
        mirror: Mirror,
        *,
        lease: Callable[[], int],
        processes: Callable[[], tuple[tuple[RunProcess, ...], int]],
    ) -> None:
        self._etcd = etcd
        self._switch = keys.system_switch(uuid)
        self._key = keys.system_info(uuid)
        self._mirror = mirror
        self._lease = lease
        self._processes = processes
        self._changed = asyncio.Event()
        self._measured: Probe[SystemInfo] = Probe(PATIENCE)
        self._disks: Probe[tuple[Disk, ...]] = Probe(PATIENCE)

    def look(self) -> None:
        """The switch was put, or is gone."""
        self._changed.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            while not self._on():
                await self._changed.wait()
                self._changed.clear()
            await self._measure()
            await asyncio.sleep(FIRST_LOOK)
            while self._on():
                await self._tell()
                await asyncio.sleep(EVERY)
            await self._forget()

    def _on(self) -> bool:
        return self._mirror.get(self._switch) is not None

    async def _measure(self) -> SystemInfo | None:
        runs, running = self._processes()
        return await self._ask(self._measured, lambda: measure(runs, running))

    async def _ask(self, probe: Probe[T], work: Callable[[], T]) -> T | None:
        try:
            return await probe.ask(work)
        except Exception:  # whatever the machine is like, its jobs go on
            log.exception("this machine can't be measured")
            return None

    async def _tell(self) -> None:
        info = await self._measure()
        if info is None:
            return
        mounted = await self._ask(self._disks, disks) or ()
        info = info.model_copy(update={"disks": mounted, "at": time.time()})
        try:
            await self._etcd.put(self._key, info.to_json(), lease=self._lease())
        except StoreError as error:
            log.info("%s is not told: %s", self._key, error)

    async def _forget(self) -> None:
        try:
            await self._etcd.delete(self._key)
        except StoreError as error:
            log.info("%s stays until the lease ends: %s", self._key, error)
