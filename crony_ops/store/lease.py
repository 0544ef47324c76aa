"""A lease that is kept alive, and the moment up to which its owner may rely on it."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from crony_ops.errors import LeaseLost, StoreError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from crony_ops.store.client import Etcd

log = logging.getLogger(__name__)

_RETRY_PAUSE = 0.2


def boottime() -> float:
    """Seconds since boot, sleep included: a machine that was suspended must not trust its lease."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class LeaseKeeper:
    """Holds one lease of ``ttl`` seconds. ``lease`` is its id, 0 before ``grant``.

    ``deadline``, on boottime(), counts from the sending of the last answered renewal. etcd counts
    from its receipt, and ends a lease late rather than early: up to the deadline the lease stands.
    ``tried_at``, on the monotonic clock: when etcd was last asked, whatever it said.
    """

    def __init__(self, etcd: Etcd, ttl: int) -> None:
        self._etcd = etcd
        self.ttl = ttl
        self.lease = 0
        self.deadline = 0.0
        self.tried_at = time.monotonic()

    async def grant(self) -> int:
        """Take a new lease, whatever became of the old one. Raises StoreError."""
        self.tried_at = time.monotonic()
        sent = boottime()
        self.lease = await self._etcd.grant(self.ttl)
        self.deadline = sent + self.ttl
        return self.lease

    def expired(self) -> bool:
        return boottime() >= self.deadline

    async def run(self, on_renewed: Callable[[], Awaitable[None]] | None = None) -> None:
        """Renew every third of the TTL, until cancelled.

        Raises LeaseLost once etcd says that it has no such lease, and for no other reason: through
        an outage it goes on trying, past the deadline too. ``on_renewed`` runs beside it, once at
        a time; a StoreError of its is logged and forgotten, as the next renewal comes soon.
        """
        async with asyncio.TaskGroup() as group:
            errand: asyncio.Task[None] | None = None
            while True:
                # From when the answered one was sent, so that slow answers don't add up.
                await asyncio.sleep(self.deadline - self.ttl * 2 / 3 - boottime())
                if not await self._renew():
                    break
                if on_renewed and (errand is None or errand.done()):
                    errand = group.create_task(_tolerant(on_renewed))
            if errand:
                errand.cancel()
        raise LeaseLost(lease=self.lease)

    async def revoke(self) -> None:
        """Give the lease up: its keys are gone with it. Raises StoreError."""
        await self._etcd.revoke(self.lease)
        self.deadline = 0.0

    async def _renew(self) -> bool:
        """Try until etcd answers: True if the lease stands, False if it is gone."""
        failing, sent = False, 0.0

        def sending() -> None:
            nonlocal sent
            sent = boottime()

        while True:
            self.tried_at = time.monotonic()
            try:
                left = await self._etcd.keep_alive_once(
                    self.lease, timeout=self.ttl / 3, on_send=sending
                )
            except StoreError as error:
                if not failing:
                    log.warning("lease %x is not renewed: %s", self.lease, error)
                failing = True
                await asyncio.sleep(_RETRY_PAUSE)
                continue
            if left <= 0:
                return False
            if failing:
                log.info("lease %x is renewed again", self.lease)
            self.deadline = max(self.deadline, sent + self.ttl)
            return True


async def _tolerant(on_renewed: Callable[[], Awaitable[None]]) -> None:
    try:
        await on_renewed()
    except StoreError as error:
        log.warning("after a renewal: %s", error)
