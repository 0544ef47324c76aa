"""The node's key in etcd: taken under a lease, renewed, taken over after a restart, defended."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sqlite3
import time
from typing import TYPE_CHECKING

from crony_ops import __version__
from crony_ops.daemon.logs import in_words
from crony_ops.errors import LeaseLost, NodeTaken, StoreError, StoreRefused
from crony_ops.model.node import Node, PresetFailure
from crony_ops.store import LeaseKeeper, Txn, absent, boottime, get, lease_is, put

if TYPE_CHECKING:
    from collections.abc import Callable

    from crony_ops.node.history import History
    from crony_ops.node.journal import Journal
    from crony_ops.node.settings import NodeSettings
    from crony_ops.store import Entry, Etcd
    from crony_ops.store.keys import Keys

log = logging.getLogger(__name__)

RETRY = 0.3
REFUSED_RETRY = 3.0


class _OtherHistory(Exception):
    """Etcd is not the one that we registered with."""


class Registration:
    """Keeps the node registered. ``incarnation`` is 0 until it is for the first time."""

    def __init__(
        self,
        etcd: Etcd,
        keys: Keys,
        settings: NodeSettings,
        journal: Journal,
        history: History,
        on_registered: Callable[[], None],
    ) -> None:
        self._etcd = etcd
        self._settings = settings
        self._journal = journal
        self._history = history
        self._breaks = 0
        self._key = keys.node(settings.identity)
        self._on_registered = on_registered
        self._keeper = LeaseKeeper(etcd, settings.ttl)
        self._started_at = time.time()
        self._tried_at = time.monotonic()
        self._registered = False
        self._lapsed = False
        self.incarnation = 0
        self.presets: dict[str, tuple[str, ...]] = {}
        self.preset_failures: dict[str, PresetFailure] = {}

    @property
    def lease(self) -> int:
        return self._keeper.lease

    @property
    def deadline(self) -> float:
        """On boottime(): up to here this node may act as the one that holds its jobs. 0 while its
        key hangs on no lease of ours: a new lease doesn't vouch for what the last one claimed."""
        return self._keeper.deadline if self._registered else 0.0

    @property
    def tried_at(self) -> float:
        """On the monotonic clock: when etcd was last asked to have us, whatever it said."""
        return max(self._tried_at, self._keeper.tried_at)

    @property
    def registered(self) -> bool:
        return boottime() < self.deadline

    def holds(self) -> bool:
        """Whoever is told no is told through ``on_registered`` when it is yes again."""
        held = self.registered
        self._lapsed = self._lapsed or not held
        return held

    async def run(self) -> None:
        """Register, renew, and register again after any loss, and with a restored etcd.

        Raises NodeTaken where another live agent holds the uuid; no failure of etcd ends it.
        """
        while True:
            self._tried_at = time.monotonic()
            try:
                await self._register()
                self._registered = True
                self._lapsed = False
                self._on_registered()
                await self._keeper.run(self._renewed)
            except* LeaseLost:
                log.warning("the lease is lost: registering again")
            except* _OtherHistory:
                log.warning("registering again, with the etcd that is there now")
            except* StoreRefused as refusal:  # as long as people have not mended it
                log.warning("not registered: %s", in_words(refusal))
                await asyncio.sleep(REFUSED_RETRY)
            except* StoreError as failure:
                log.warning("not registered: %s", in_words(failure))
                await asyncio.sleep(RETRY)
            finally:
                self._registered = False

    async def _renewed(self) -> None:
        if self._lapsed and self.holds():
            # A lease may outlast our own deadline, as when this process was frozen.
            self._lapsed = False
            self._on_registered()
        await self._history.check()
        if self._history.breaks > self._breaks:
            raise _OtherHistory
        await self.publish()

    async def publish(self) -> None:
        """Put the node's record, with the wall time of now. Raises StoreError."""
        await self._etcd.put(self._key, self._record().to_json(), lease=self._keeper.lease)

    def _record(self) -> Node:
        settings = self._settings
        return Node(
            uuid=settings.identity,
            name=settings.name,
            ip=settings.ip or socket.gethostname(),
            pid=os.getpid(),
            version=__version__,
            groups=settings.groups,
            presets=self.presets,
            preset_failures=self.preset_failures,
            incarnation=self._keeper.lease,
            started_at=self._started_at,
            renewed_at=time.time(),
        )

    async def _register(self) -> None:
        """Take the key: if it is free, or from a lease of our own earlier life.

        A stranger that holds it may be our own past, seen from a new machine: it gets one TTL to
        lapse, and then wins.
        """
        await self._history.check()
        self._breaks = self._history.breaks
        await self._keeper.grant()
        earlier = self._journal.leases()
        try:
            self._journal.add_lease(self._keeper.lease)
        except sqlite3.Error as error:  # the next life will wait a TTL, as a stranger
            log.warning("the journal can't be written: %s", error)
        patience = time.monotonic() + self._settings.ttl + 2.0
        while True:
            stranger = await self._take(earlier)
            if stranger is None:
                break
            if time.monotonic() > patience:
                raise _taken(stranger, self._settings)
            await asyncio.sleep(RETRY)
            if await self._etcd.keep_alive_once(self._keeper.lease) <= 0:
                raise LeaseLost(lease=self._keeper.lease)
        self.incarnation = self._keeper.lease
        log.info("registered as %s (incarnation %x)", self._settings.name, self.incarnation)
        for lease in earlier:
            # What else hung on it was a record of processes; those that live are told of anew.
            await self._etcd.revoke(lease)

    async def _take(self, earlier: list[int]) -> Entry | None:
        """None when the key is ours, else the entry that stands in the way."""
        claim = put(self._key, self._record().to_json(), lease=self._keeper.lease)
        for condition in (absent(self._key), *(lease_is(self._key, old) for old in earlier)):
            if (await self._etcd.txn(Txn((condition,), (claim,)))).succeeded:
                return None
        standing = await self._etcd.txn(
            Txn((lease_is(self._key, self._keeper.lease),), (), (get(self._key),))
        )
        if standing.succeeded:
            return None
        found = standing.responses[0]
        return found[0] if isinstance(found, tuple) and found else await self._take(earlier)


def _taken(stranger: Entry, settings: NodeSettings) -> NodeTaken:
    try:
        other = Node.from_json(stranger.value)
    except ValueError:
        return NodeTaken(name=settings.name, uuid=settings.identity, pid="?", ip="?")
    return NodeTaken(name=other.name, uuid=other.uuid, pid=other.pid, ip=other.ip)
