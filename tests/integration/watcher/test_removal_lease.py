"""A removed job's cursor hangs on a lease for a day; a removal that is refused leaves none."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from crony_ops.model.node import Pause
from crony_ops.model.spec import Cursor
from crony_ops.store import Batcher, Etcd, EtcdSettings, Mirror, create_is
from crony_ops.store.leases import LeaseStatus, read_leases
from crony_ops.watcher.metrics import WatcherMetrics
from crony_ops.watcher.reconcile import Reconciler
from crony_ops.watcher.removal import CURSOR_LIFE
from crony_ops.watcher.settings import WatcherSettings
from crony_ops.watcher.spreading import Spreading
from crony_ops.watcher.view import View
from tests.integration.store.conftest import running

if TYPE_CHECKING:
    from crony_ops.store.keys import Keys


class Overtaken(Etcd):
    """While the leader asks for its first lease, an agent claims one more tick."""

    cursor = ""

    async def grant(self, ttl: int, lease: int = 0) -> int:
        if self.cursor:
            await self.put(self.cursor, Cursor(tick=120).to_json())
            self.cursor = ""
        return await super().grant(ttl, lease)


async def test_a_removal_that_is_refused_leaves_no_lease_behind(
    keys: Keys, store_settings: EtcdSettings
) -> None:
    cursor = keys.cursor("j")

    async def for_a_day() -> list[LeaseStatus]:
        return [lease for lease in await read_leases(etcd) if lease.ttl == CURSOR_LIFE]

    async with Overtaken(store_settings) as etcd:
        before = {lease.id for lease in await for_a_day()}
        await etcd.put(cursor, Cursor(tick=60).to_json())
        removal = Pause(who="sync", at=time.time(), removal=True)
        await etcd.put(keys.pause("j"), removal.to_json())
        term = await etcd.put(keys.leader, b"me")
        mirror = Mirror(etcd, View.prefixes(keys))
        batcher = Batcher(etcd, guard=(create_is(keys.leader, term),))
        view = View(mirror, keys, cmd_auto_allocation=False)
        settings = WatcherSettings(etcd=store_settings, id="me")
        async with running(mirror.run(), batcher.run()), asyncio.TaskGroup() as group:
            await mirror.synced()
            spreading = Spreading(group, on_found=lambda: None)
            reconciler = Reconciler(etcd, view, batcher, settings, WatcherMetrics(), spreading)
            etcd.cursor = cursor
            refused = await reconciler.look({})
            assert refused.refused == 1
            assert [lease for lease in await for_a_day() if lease.id not in before] == []
            moved = await etcd.get(cursor)
            assert moved is not None
            await mirror.reached(cursor, moved.mod_revision)
            assert (await reconciler.look({})).refused == 0
        (lease,) = (lease for lease in await for_a_day() if lease.id not in before)
        assert lease.keys == (cursor,)
        assert await etcd.get(keys.pause("j")) is None
