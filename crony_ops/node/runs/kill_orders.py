"""Orders to end a run of this node, obeyed whenever they come, and taken away when it is over."""

from __future__ import annotations

import asyncio
import logging
import signal
from typing import TYPE_CHECKING

from crony_ops.errors import StoreError
from crony_ops.model.run import Kill, RunState

if TYPE_CHECKING:
    from crony_ops.node.runs.under_way import Runs
    from crony_ops.store import Entry, Etcd, Mirror
    from crony_ops.store.keys import Keys

log = logging.getLogger(__name__)

LOOK_AGAIN = 0.5
"""Seconds between two looks while an order stands: its run may be claimed and not ours yet, ended
and not yet reported."""


class KillOrders:
    def __init__(self, etcd: Etcd, keys: Keys, uuid: str, mirror: Mirror, runs: Runs) -> None:
        self._etcd = etcd
        self._keys = keys
        self._uuid = uuid
        self._mirror = mirror
        self._runs = runs
        self._changed = asyncio.Event()

    def look(self) -> None:
        """An order came, or went."""
        self._changed.set()

    async def run(self) -> None:
        """Until cancelled. An order stays until its run is reported: should the agent die on the
        way, its next life finds it."""
        while True:
            self._changed.clear()
            orders = list(self._mirror.prefix(self._keys.kills_on(self._uuid)).values())
            for order in orders:
                await self._obey(order)
            try:
                async with asyncio.timeout(LOOK_AGAIN if orders else None):
                    await self._changed.wait()
            except TimeoutError:
                pass

    async def _obey(self, order: Entry) -> None:
        job_id, _, run_id = order.key[len(self._keys.kills_on(self._uuid)) :].partition("/")
        try:
            kill = Kill.from_json(order.value)
        except ValueError as error:
            log.warning("%s can't be read, and is deleted: %s", order.key, error)
            await self._delete(order.key)
            return
        reason = f"killed by {kill.who}" + (f": {kill.why}" if kill.why else "")
        first = signal.Signals[f"SIG{kill.signal}"]
        if not self._runs.stop(job_id, run_id, RunState.killed, reason, first):
            await self._forget_if_over(order.key, job_id, run_id)

    async def _forget_if_over(self, order: str, job_id: str, run_id: str) -> None:
        """A run that is open and not among ours is one whose claim we are about to hear of, or
        whose end is on its way: the order waits."""
        try:
            over = await self._etcd.get(self._keys.open(self._uuid, job_id, run_id)) is None
        except StoreError as error:
            log.info("whether %s is over can't be read yet: %s", run_id, error)
            return
        if over:
            await self._delete(order)

    async def _delete(self, order: str) -> None:
        try:
            await self._etcd.delete(order)
        except StoreError as error:
            log.info("%s stays until its lease ends: %s", order, error)
