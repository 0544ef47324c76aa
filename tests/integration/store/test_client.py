"""Reads, writes, transactions and leases, against real servers that fail."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import grpc
import pytest
from etcd3.etcdrpc import rpc_pb2 as rpc

from crony_ops.errors import Compacted, OutcomeUnknown, StoreRefused, StoreUnavailable
from crony_ops.store import (
    Etcd,
    EtcdSettings,
    Txn,
    absent,
    absent_under,
    client,
    create_is,
    delete,
    delete_prefix,
    endpoints,
    exists,
    get,
    get_prefix,
    lease_is,
    mod_is,
    put,
    value_is,
)
from crony_ops.store.endpoints import Connection
from crony_ops.store.metrics_page import fetch_page
from tests.etcd_server import EtcdServer, free_ports

if TYPE_CHECKING:
    from pathlib import Path

    from crony_ops.store import Compare
    from tests.etcd_server import EtcdCluster


async def test_what_is_put_is_read_with_its_revisions_and_its_lease(etcd: Etcd) -> None:
    lease = await etcd.grant(30)
    first = await etcd.put("/k/ä", b"1")
    second = await etcd.put("/k/ä", b"\x00\xff", lease=lease)
    entry = await etcd.get("/k/ä")
    assert entry is not None
    assert (entry.key, entry.value, entry.lease) == ("/k/ä", b"\x00\xff", lease)
    assert (entry.create_revision, entry.mod_revision, entry.version) == (first, second, 2)
    assert await etcd.delete("/k/ä")
    assert not await etcd.delete("/k/ä")
    assert await etcd.get("/k/ä") is None


async def test_a_listing_in_pages_is_of_one_revision(
    etcd: Etcd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "PAGE", 3)
    for number in range(10):
        await etcd.put(f"/p/{number}", b"old")
    await etcd.put("/p0", b"not under the prefix")
    before = (await etcd.head())[1]

    listing = asyncio.create_task(etcd.range("/p/"))
    for number in range(10):
        await etcd.put(f"/p/{number}", b"new")
    snapshot = await listing
    assert [entry.key for entry in snapshot.entries] == [f"/p/{n}" for n in range(10)]
    assert all(entry.mod_revision <= snapshot.revision for entry in snapshot.entries)
    assert before <= snapshot.revision
    old = await etcd.range("/p/", revision=before, keys_only=True)
    assert len(old.entries) == 10
    assert {entry.value for entry in old.entries} == {b""}
    assert await etcd.count("/p/") == 10


async def test_a_compacted_revision_is_told_from_other_failures(etcd: Etcd) -> None:
    await etcd.put("/c/1", b"")
    revision = await etcd.put("/c/1", b"")
    await etcd.compact(revision)
    await etcd.compact(revision)
    with pytest.raises(Compacted):
        await etcd.range("/c/", revision=revision - 1)


@pytest.mark.parametrize(
    ("holds", "compare"),
    [
        (True, exists("/t/a")),
        (False, exists("/t/none")),
        (True, absent("/t/none")),
        (False, absent("/t/a")),
        (True, mod_is("/t/none", 0)),
        (True, create_is("/t/none", 0)),
        (True, lease_is("/t/a", 0)),
        (True, value_is("/t/a", b"1")),
        (False, value_is("/t/a", b"2")),
        (False, value_is("/t/none", b"")),
        (True, absent_under("/t/none/")),
        (False, absent_under("/t/")),
    ],
)
async def test_each_condition_means_what_it_says(
    store_settings: EtcdSettings, holds: bool, compare: Compare
) -> None:
    async with Etcd(store_settings) as etcd:
        await etcd.put("/t/a", b"1")
        result = await etcd.txn(Txn((compare,), (), (get("/t/a"),)))
        assert result.succeeded is holds


async def test_a_nested_transaction_answers_for_the_branch_that_it_took(etcd: Etcd) -> None:
    for key in ("/t/a", "/t/b", "/t/c"):
        await etcd.put(key, b"1")
    result = await etcd.txn(
        Txn(
            (exists("/t/a"),),
            (
                get("/t/none"),
                get_prefix("/t/", keys_only=True, limit=2),
                Txn((exists("/t/none"),), (put("/t/x", b""),), (delete("/t/a"), get("/t/b"))),
                delete_prefix("/t/c"),
                put("/u", b""),
            ),
        )
    )
    none, two, nested, deleted, nothing = result.responses
    assert result.succeeded
    assert (none, deleted, nothing) == ((), 1, None)
    assert [entry.key for entry in two] == ["/t/a", "/t/b"]  # type: ignore[union-attr]
    assert nested.succeeded is False  # type: ignore[union-attr]
    assert nested.revision == result.revision  # type: ignore[union-attr]
    assert nested.responses[0] == 1  # type: ignore[union-attr]
    assert await etcd.get("/t/x") is None


async def test_a_connection_at_rest_is_kept(
    server: EtcdServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """etcd throws out whoever pings it three times with no call under way, and gRPC then waits
    twice as long before it pings anybody there again: it would notice a silent peer late."""
    options = dict(endpoints.CHANNEL_OPTIONS) | {"grpc.keepalive_time_ms": 500}
    monkeypatch.setattr(endpoints, "CHANNEL_OPTIONS", tuple(options.items()))
    [address] = EtcdSettings(endpoints=(server.endpoint,)).addresses
    connection = Connection(address, None)
    await connection.kv.Range(rpc.RangeRequest(key=b"k"))
    await asyncio.sleep(4)  # eight pings
    assert connection.channel.get_state() is grpc.ChannelConnectivity.READY
    await connection.channel.close()


async def test_a_bad_request_is_refused_and_not_tried_for_long(etcd: Etcd) -> None:
    began = time.monotonic()
    with pytest.raises(StoreRefused, match="duplicate key"):
        await etcd.txn(Txn((), (put("/d", b"1"), put("/d", b"2"))))
    with pytest.raises(StoreRefused, match="lease not found"):
        await etcd.put("/d", b"1", lease=12345)
    assert time.monotonic() - began < 1


async def test_nobody_there_is_unavailable_within_the_time_given() -> None:
    (port,) = free_ports(1)
    settings = EtcdSettings(endpoints=(f"127.0.0.1:{port}",), request_timeout=1)
    async with Etcd(settings) as etcd:
        for write in (
            etcd.get("/k"),
            etcd.put("/k", b""),
            etcd.txn(Txn((), (put("/k", b""),))),
        ):
            began = time.monotonic()
            with pytest.raises(StoreUnavailable, match=f"127.0.0.1:{port}"):
                await write
            assert time.monotonic() - began < 1.5


async def test_a_transaction_waits_for_a_server_that_comes_back(server: EtcdServer) -> None:
    settings = EtcdSettings(endpoints=(server.endpoint,), request_timeout=0.5)
    async with Etcd(settings) as etcd:
        await etcd.put("/k", b"")
        server.kill()
        # Until its end is noticed, a request may still be handed to the dead connection.
        with pytest.raises(StoreUnavailable):
            await etcd.get("/k")
        pending = asyncio.create_task(etcd.txn(Txn((), (put("/k", b"1"),)), timeout=10))
        await asyncio.sleep(0.3)
        assert not pending.done()
        server.launch()
        assert (await pending).succeeded
        entry = await etcd.get("/k")
        assert entry is not None
        assert entry.version == 2


async def test_a_write_to_a_frozen_server_has_an_unknown_outcome_and_a_read_has_none(
    server: EtcdServer, etcd: Etcd
) -> None:
    await etcd.put("/k", b"")
    server.freeze()
    with pytest.raises(OutcomeUnknown):
        await etcd.txn(Txn((), (put("/k", b"1"),)), timeout=0.5)
    reading = asyncio.create_task(etcd.get("/k"))
    await asyncio.sleep(0.2)
    server.thaw()
    assert await reading is not None


async def test_killed_under_writes_no_guarded_write_happens_twice(
    server: EtcdServer, etcd: Etcd
) -> None:
    """Each write appends one version; unknown outcomes may or may not count, the rest exactly, if
    etcd itself is sound."""
    done = unknown = never = 0
    stop = asyncio.Event()

    async def write() -> None:
        nonlocal done, unknown, never
        while not stop.is_set():
            try:
                await etcd.txn(Txn((), (put("/count", b""),)), timeout=2)
                done += 1
            except OutcomeUnknown:
                unknown += 1
            except StoreUnavailable:
                never += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(20):
            group.create_task(write())
        for _ in range(2):
            await asyncio.sleep(0.3)
            server.kill()
            server.launch()
            await asyncio.to_thread(server.wait_until_healthy)
        await asyncio.sleep(0.2)
        stop.set()
    entry = await etcd.get("/count")
    assert entry is not None
    assert done > 0
    assert entry.version <= done + unknown
    assert done <= entry.version or server.may_lose_writes


async def test_a_frozen_member_is_left_for_another_one(cluster: EtcdCluster) -> None:
    async with Etcd(EtcdSettings(endpoints=cluster.endpoints, request_timeout=4)) as etcd:
        await etcd.put("/k", b"1")
        cluster.servers[0].freeze()
        began = time.monotonic()
        assert await etcd.get("/k") is not None
        assert time.monotonic() - began < 4
        began = time.monotonic()
        await etcd.put("/k", b"2")
        await etcd.txn(Txn((), (put("/k", b"3"),)))
        assert time.monotonic() - began < 1

        members = await etcd.members()
        assert len(members) == 3
        assert [bool(member.error) for member in members] == [True, False, False]
        assert sum(member.is_leader for member in members) == 1
        assert {member.name for member in members} == {"etcd-1", "etcd-2", "etcd-3"}


async def test_members_beyond_the_configured_endpoints_are_found(cluster: EtcdCluster) -> None:
    async with Etcd(EtcdSettings(endpoints=cluster.endpoints[:1])) as etcd:
        members = await etcd.members()
        assert sorted(member.name for member in members) == ["etcd-1", "etcd-2", "etcd-3"]
        assert not any(member.error for member in members)
        assert all(member.version.startswith("3.") and member.db_size for member in members)


async def test_a_members_page_says_what_its_status_does(cluster: EtcdCluster) -> None:
    settings = EtcdSettings(endpoints=cluster.endpoints)
    async with Etcd(settings) as etcd:
        members = {member.endpoint: member for member in await etcd.members()}
    for address in settings.addresses:
        page = await fetch_page(settings, address, 5)
        member = members[address]
        assert (page.version, page.is_leader) == (member.version, member.is_leader)
        assert page.db_size == pytest.approx(member.db_size, rel=1)


async def test_a_member_without_quorum_is_told_at_once(cluster: EtcdCluster) -> None:
    async with Etcd(EtcdSettings(endpoints=cluster.endpoints, request_timeout=3)) as etcd:
        await etcd.put("/k", b"1")
        for server in cluster.servers[1:]:
            server.kill()
        await asyncio.sleep(2)
        with pytest.raises(StoreUnavailable):
            await etcd.txn(Txn((), (put("/k", b"2"),)))


async def test_a_full_disk_is_refused_and_shown(binary: Path, tmp_path: Path) -> None:
    server = EtcdServer(binary, tmp_path, arguments=("--quota-backend-bytes", "300000"))
    try:
        server.start()
        async with Etcd(EtcdSettings(endpoints=(server.endpoint,))) as etcd:

            async def fill() -> None:
                for number in range(100):
                    await etcd.put(f"/fill/{number}", b"x" * 50_000)

            with pytest.raises(StoreRefused, match="space exceeded"):
                await fill()
            (member,) = await etcd.members()
            assert "NOSPACE" in member.alarms
    finally:
        server.remove()
