"""A live copy of some prefixes: listed once, then followed, whatever happens to etcd."""

from __future__ import annotations

import asyncio
import logging
import math
import random
import time
from typing import TYPE_CHECKING

from crony_ops.errors import Compacted, StoreError
from crony_ops.store.entry import Change, Entry
from crony_ops.store.txn import written_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from crony_ops.store.client import Etcd
    from crony_ops.store.txn import Txn
    from crony_ops.store.watch import Delivery

log = logging.getLogger(__name__)

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 3.0


class Mirror:
    """Keeps every key of ``prefixes`` at hand, by one listing and one watch stream.

    ``on_change`` is called with the changes of each message, in order within a prefix, after the
    mirror has taken them in. A listing made anew reports what it finds different, deletions
    included. So ``on_change`` may skip states in between, and never misses where things stand.

    ``fresh_at`` is the time.monotonic() of the last proof that nothing stands between the mirror
    and etcd; 0.0 before the first. A stream without such a proof for ``stale_after`` seconds is
    given up and opened again. ``listings`` counts how often all was listed; ``resets`` how often
    because the cluster was another one, or an older state of it.
    """

    def __init__(
        self,
        etcd: Etcd,
        prefixes: Sequence[str],
        *,
        on_change: Callable[[Sequence[Change]], None] | None = None,
        stale_after: float = 6.0,
    ) -> None:
        self._etcd = etcd
        self._entries: dict[str, dict[str, Entry]] = {prefix: {} for prefix in prefixes}
        self._complete_to = dict.fromkeys(prefixes, 0)
        self._on_change = on_change
        self._stale_after = stale_after
        self._listed = asyncio.Event()
        self._waiting: dict[asyncio.Future[None], tuple[str, int]] = {}
        self.fresh_at = 0.0
        self.cluster_id = 0
        self.listings = 0
        self.resets = 0

    def get(self, key: str) -> Entry | None:
        """The entry of a key under one of the prefixes."""
        return self._entries[self._prefix_of(key)].get(key)

    def prefix(self, prefix: str) -> Mapping[str, Entry]:
        """The live entries of one of the prefixes: it changes under you, and is not yours to."""
        return self._entries[prefix]

    async def synced(self) -> None:
        """Wait for the first listing."""
        await self._listed.wait()

    async def reached(self, key: str, revision: int) -> None:
        """Wait until a write of ``key`` at ``revision`` is in here (or what came after it)."""
        prefix = self._prefix_of(key)
        if self._complete_to[prefix] >= revision:
            return
        arrival: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[arrival] = (prefix, revision)
        try:
            await arrival
        finally:
            del self._waiting[arrival]

    async def shows(self, txn: Txn, revision: int) -> None:
        """Wait until what ``txn``, that succeeded at ``revision``, wrote under the prefixes is in
        here (or what came after it)."""
        for key in written_keys(txn):
            if any(key.startswith(prefix) for prefix in self._entries):
                await self.reached(key, revision)

    async def run(self) -> None:
        """List and follow until cancelled. No failure of etcd ends it."""
        pause, must_list, complaint = _FIRST_PAUSE, True, ""
        while True:
            began = time.monotonic()
            try:
                if must_list or not await self._same_history():
                    must_list = True
                    await self._list()
                    must_list = False
                complaint = ""
                starts = {prefix: done + 1 for prefix, done in self._complete_to.items()}
                await self._etcd.watch(
                    starts, self._take, cluster_id=self.cluster_id, silence=self._stale_after
                )
            except Compacted as error:
                must_list = True
                reason = str(error)
            except StoreError as error:
                reason = str(error)
            if reason != complaint:
                log.warning("mirror of %s: %s", ", ".join(self._entries), reason)
                complaint = reason
            # A stream that lived for a while is opened again at once.
            if time.monotonic() - began > _LONGEST_PAUSE:
                pause = _FIRST_PAUSE
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _same_history(self) -> bool:
        """Whether etcd still is the cluster that was listed, and knows all that was seen of it."""
        cluster_id, revision = await self._etcd.head()
        return self._continues(cluster_id, revision)

    def _continues(self, cluster_id: int, revision: int) -> bool:
        return cluster_id == self.cluster_id and revision >= max(self._complete_to.values())

    async def _list(self) -> None:
        revision, asked_at = 0, math.inf
        found: dict[str, dict[str, Entry]] = {}
        for prefix in self._entries:
            asked_at = min(asked_at, time.monotonic())
            snapshot = await self._etcd.range(prefix, revision=revision)
            revision = snapshot.revision
            found[prefix] = {entry.key: entry for entry in snapshot.entries}
        if self.listings and not self._continues(snapshot.cluster_id, revision):
            self.resets += 1
            log.warning(
                "etcd is another cluster or an older state: %x at %d, was %x at %d; all is listed",
                snapshot.cluster_id,
                revision,
                self.cluster_id,
                max(self._complete_to.values()),
            )
        changes: list[Change] = []
        for prefix, now in found.items():
            changes.extend(_difference(self._entries[prefix], now))
            self._complete_to[prefix] = revision
        self.cluster_id = snapshot.cluster_id
        self.listings += 1
        self.fresh_at = max(self.fresh_at, asked_at)
        self._report(changes)
        self._listed.set()

    def _take(self, delivery: Delivery) -> None:
        self.fresh_at = max(self.fresh_at, delivery.alive_at)
        if not delivery.prefix:
            return
        entries = self._entries[delivery.prefix]
        changes: list[Change] = []
        for event in delivery.events:
            if event.entry is None:
                old = entries.pop(event.key, None)
            else:
                old = entries.get(event.key)
                entries[event.key] = event.entry
            if old is not None or event.entry is not None:
                changes.append(Change(event.key, old, event.entry))
        done = self._complete_to[delivery.prefix]
        self._complete_to[delivery.prefix] = max(done, delivery.complete_to)
        self._report(changes)

    def _report(self, changes: Sequence[Change]) -> None:
        if changes and self._on_change is not None:
            self._on_change(changes)
        for arrival, (prefix, revision) in self._waiting.items():
            if self._complete_to[prefix] >= revision and not arrival.done():
                arrival.set_result(None)

    def _prefix_of(self, key: str) -> str:
        for prefix in self._entries:
            if key.startswith(prefix):
                return prefix
        raise KeyError(key)


def _difference(then: dict[str, Entry], now: dict[str, Entry]) -> list[Change]:
    """Turn ``then`` into ``now`` in place, and tell what changed."""
    changes = [Change(key, old, None) for key, old in then.items() if key not in now]
    for change in changes:
        del then[change.key]
    for key, new in now.items():
        old = then.get(key)
        if old != new:
            changes.append(Change(key, old, new))
            then[key] = new
    return changes
