"""A removed job's cursor hangs on a lease for a day; a removal that is refused leaves none."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from crony_ops.model.node import Pause
from crony_ops.model.spec import Cursor
from crony_ops.store import Etcd, EtcdSettings
from crony_ops.store.leases import LeaseStatus, read_leases
from crony_ops.watcher.removal import CURSOR_LIFE
from tests.integration.watcher.a_leader import a_leader

if TYPE_CHECKING:
    from crony_ops.store.keys import Keys


class Overtaken(Etcd):
    """While the leader asks for a lease an agent claims a tick: it moves ``cursor``, once."""

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
    async with Overtaken(store_settings) as etcd:
        before = {lease.id for lease in await read_leases(etcd)}

        async def for_a_day() -> list[LeaseStatus]:
            since = (lease for lease in await read_leases(etcd) if lease.id not in before)
            return [lease for lease in since if lease.ttl == CURSOR_LIFE]

        await etcd.put(cursor, Cursor(tick=60).to_json())
        removal = Pause(who="sync", at=time.time(), removal=True)
        await etcd.put(keys.pause("j"), removal.to_json())
        async with a_leader(etcd, keys) as (reconciler, mirror):
            etcd.cursor = cursor
            assert (await reconciler.look({})).refused == 1
            assert await for_a_day() == []
            moved = await etcd.get(cursor)
            assert moved is not None
            await mirror.reached(cursor, moved.mod_revision)
            assert (await reconciler.look({})).refused == 0
        (lease,) = await for_a_day()
        assert lease.keys == (cursor,)
        assert await etcd.get(keys.pause("j")) is None
