"""A lease that is kept through failures, and a loss that is told."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING

import pytest

from crony_ops.errors import LeaseLost, StoreUnavailable
from crony_ops.store import Etcd, EtcdSettings, LeaseKeeper, boottime
from tests.integration.store.conftest import running, until

if TYPE_CHECKING:
    from tests.etcd_server import EtcdCluster, EtcdServer


async def test_the_deadline_never_promises_more_than_etcd_does(etcd: Etcd) -> None:
    keeper = LeaseKeeper(etcd, 3)
    assert keeper.expired()
    before = boottime()
    await keeper.grant()
    assert before + 3 <= keeper.deadline <= boottime() + 3
    renewals: list[float] = []

    async def note() -> None:
        assert keeper.deadline <= boottime() + 3
        renewals.append(boottime())

    async with running(keeper.run(note)):
        await until(lambda: len(renewals) == 3)
    gaps = [b - a for a, b in itertools.pairwise(renewals)]
    assert all(0.7 < gap < 1.4 for gap in gaps)


async def test_a_revoked_lease_is_lost_at_the_next_renewal(etcd: Etcd) -> None:
    keeper = LeaseKeeper(etcd, 3)
    lease = await keeper.grant()
    await etcd.put("/n", b"", lease=lease)
    await etcd.revoke(lease)
    assert await etcd.get("/n") is None
    with pytest.raises(LeaseLost):
        await keeper.run()
    await keeper.revoke()
    assert keeper.expired()


async def test_an_outage_beyond_the_deadline_ends_nothing_that_etcd_still_has(
    server: EtcdServer, etcd: Etcd
) -> None:
    """After a restart etcd gives every lease its full TTL again."""
    keeper = LeaseKeeper(etcd, 3)
    lease = await keeper.grant()
    await etcd.put("/n", b"", lease=lease)
    async with running(keeper.run()):
        server.kill()
        await until(keeper.expired)
        server.start()
        took = await until(lambda: not keeper.expired())
        assert took < 2
        assert await etcd.get("/n") is not None


async def test_a_failing_errand_costs_no_renewal(etcd: Etcd) -> None:
    keeper = LeaseKeeper(etcd, 3)
    await keeper.grant()
    calls = 0

    async def errand() -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise StoreUnavailable(endpoints="none", reason="a test")
        await asyncio.sleep(60)

    async with running(keeper.run(errand)):
        for _ in range(24):
            await asyncio.sleep(0.2)
            assert not keeper.expired()
    assert calls == 2


async def test_a_lease_lives_through_a_frozen_member(cluster: EtcdCluster) -> None:
    async with Etcd(EtcdSettings(endpoints=cluster.endpoints)) as etcd:
        keeper = LeaseKeeper(etcd, 6)
        lease = await keeper.grant()
        await etcd.put("/n", b"", lease=lease)
        async with running(keeper.run()):
            cluster.servers[0].freeze()
            for _ in range(32):
                await asyncio.sleep(0.2)
                assert not keeper.expired()
        assert await etcd.get("/n") is not None
