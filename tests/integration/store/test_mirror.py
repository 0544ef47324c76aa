"""The mirror holds what etcd holds, whatever is done to etcd."""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING

from crony_ops.errors import StoreError
from crony_ops.store import Change, Entry, Etcd, EtcdSettings, Mirror
from tests.integration.store.conftest import running, until

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.etcd_server import EtcdCluster, EtcdServer


class Replica:
    """Built from the reported changes alone: it must equal the mirror, or a change went missing."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.revisions: list[int] = []

    def take(self, changes: Sequence[Change]) -> None:
        for change in changes:
            assert self.entries.get(change.key) == change.old
            if change.new is None:
                del self.entries[change.key]
            else:
                self.entries[change.key] = change.new
                self.revisions.append(change.new.mod_revision)


async def everything(etcd: Etcd, *prefixes: str) -> dict[str, Entry]:
    return {e.key: e for prefix in prefixes for e in (await etcd.range(prefix)).entries}


def held(mirror: Mirror, *prefixes: str) -> dict[str, Entry]:
    return {key: entry for prefix in prefixes for key, entry in mirror.prefix(prefix).items()}


async def test_changes_of_all_prefixes_arrive_with_what_was_there_before(etcd: Etcd) -> None:
    await etcd.put("/a/1", b"1")
    seen: list[Change] = []
    mirror = Mirror(etcd, ["/a/", "/b/"], on_change=seen.extend)
    async with running(mirror.run()):
        await mirror.synced()
        one = mirror.get("/a/1")
        assert seen == [Change("/a/1", None, one)]
        assert mirror.get("/b/1") is None
        await etcd.put("/b/1", b"1")
        await etcd.put("/c/1", b"1")
        await etcd.delete("/a/1")
        revision = await etcd.put("/b/1", b"2")
        async with asyncio.timeout(5):
            await mirror.reached("/a/1", revision - 1)
            await mirror.reached("/b/1", revision)
    # In order within a prefix; a prefix that is still catching up may come behind another.
    assert [change for change in seen if change.key == "/a/1"][1:] == [Change("/a/1", one, None)]
    new, newer = [change for change in seen if change.key == "/b/1"]
    assert new == Change("/b/1", None, new.new)
    assert newer == Change("/b/1", new.new, mirror.get("/b/1"))
    assert mirror.prefix("/a/") == {}
    assert mirror.listings == 1
    assert mirror.cluster_id == (await etcd.head())[0]


async def test_nothing_is_lost_while_the_server_is_killed_and_compacted_under_a_writer(
    server: EtcdServer, etcd: Etcd
) -> None:
    replica = Replica()
    mirror = Mirror(etcd, ["/a/", "/b/"], on_change=replica.take)
    dice = random.Random(7)
    stop = asyncio.Event()

    async def write() -> None:
        while not stop.is_set():
            key = f"/{dice.choice('ab')}/{dice.randrange(50)}"
            try:
                if dice.random() < 0.3:
                    await etcd.delete(key)
                else:
                    await etcd.put(key, dice.randbytes(20))
            except StoreError:
                continue

    async with running(mirror.run()):
        await mirror.synced()
        async with asyncio.TaskGroup() as group:
            for _ in range(4):
                group.create_task(write())
            for blow in range(3):
                await asyncio.sleep(0.3)
                server.kill()
                server.launch()
                await asyncio.to_thread(server.wait_until_healthy)
                if blow:
                    await etcd.compact((await etcd.head())[1])
            await asyncio.sleep(0.3)
            stop.set()
        ends = {key: await etcd.put(key, b"") for key in ("/a/end", "/b/end")}
        async with asyncio.timeout(10):
            for key, revision in ends.items():
                await mirror.reached(key, revision)
        assert held(mirror, "/a/", "/b/") == await everything(etcd, "/a/", "/b/")
        assert replica.entries == held(mirror, "/a/", "/b/")
        assert mirror.resets == 0


async def test_every_event_of_a_burst_arrives_in_order_through_a_restart(
    server: EtcdServer, etcd: Etcd
) -> None:
    """Resuming anywhere but behind the last event delivered would leave a hole here."""
    replica = Replica()
    mirror = Mirror(etcd, ["/a/"], on_change=replica.take)
    async with running(mirror.run()):
        await mirror.synced()
        wrote = []
        for number in range(600):
            wrote.append(await etcd.put("/a/k", str(number).encode()))
            if number == 300:
                server.restart()
        async with asyncio.timeout(10):
            await mirror.reached("/a/k", wrote[-1])
        assert mirror.listings == 1
    # A put may have been sent twice around the restart; then its first revision is extra.
    assert set(wrote) <= set(replica.revisions)
    assert replica.revisions == sorted(set(replica.revisions))


async def test_deletions_behind_a_compaction_are_reported(server: EtcdServer, etcd: Etcd) -> None:
    replica = Replica()
    for number in range(5):
        await etcd.put(f"/a/{number}", b"")
    mirror = Mirror(etcd, ["/a/"], on_change=replica.take, stale_after=1.5)
    async with Etcd(EtcdSettings(endpoints=(server.endpoint,))) as other:
        async with running(mirror.run()):
            await mirror.synced()
        # The mirror is deaf now; the world goes on, and forgets.
        for number in range(3):
            await other.delete(f"/a/{number}")
        revision = await other.put("/a/4", b"new")
        await other.put("/b/1", b"")
        await other.compact(revision + 1)
        async with running(mirror.run()):
            async with asyncio.timeout(10):
                await mirror.reached("/a/", revision)
    assert set(mirror.prefix("/a/")) == {"/a/3", "/a/4"}
    assert replica.entries == held(mirror, "/a/")


async def test_a_frozen_server_is_noticed_and_the_mirror_goes_on_after_it(
    server: EtcdServer, etcd: Etcd
) -> None:
    await etcd.put("/a/1", b"")
    mirror = Mirror(etcd, ["/a/"], stale_after=1.5)
    async with running(mirror.run()):
        await mirror.synced()
        await until(lambda: mirror.fresh_at > time.monotonic() - 0.6)
        server.freeze()
        frozen = time.monotonic()
        await asyncio.sleep(3)
        assert mirror.fresh_at < frozen + 0.1
        server.thaw()
        await until(lambda: mirror.fresh_at > frozen + 3, timeout=8)
        revision = await etcd.put("/a/1", b"2")
        async with asyncio.timeout(5):
            await mirror.reached("/a/1", revision)


async def test_an_idle_mirror_stays_fresh_without_listing_again(etcd: Etcd) -> None:
    mirror = Mirror(etcd, ["/a/", "/b/"], stale_after=1.2)
    async with running(mirror.run()):
        await mirror.synced()
        for _ in range(12):
            await asyncio.sleep(0.2)
            assert time.monotonic() - mirror.fresh_at < 1.2
        assert mirror.listings == 1


async def test_a_frozen_member_is_left_within_seconds(cluster: EtcdCluster) -> None:
    settings = EtcdSettings(endpoints=cluster.endpoints)
    async with (
        Etcd(settings) as etcd,
        Etcd(settings.model_copy(update={"endpoints": cluster.endpoints[1:]})) as other,
    ):
        await etcd.put("/a/1", b"")
        mirror = Mirror(etcd, ["/a/"], stale_after=2)
        async with running(mirror.run()):
            await mirror.synced()
            cluster.servers[0].freeze()
            began = time.monotonic()
            revision = await other.put("/a/1", b"2")
            async with asyncio.timeout(8):
                await mirror.reached("/a/1", revision)
            assert time.monotonic() - began < 6
            assert mirror.listings == 1


async def test_a_member_cut_off_from_its_quorum_is_left(cluster: EtcdCluster) -> None:
    """Such a member answers on its stream for ever, and knows nothing new."""
    async with Etcd(EtcdSettings(endpoints=cluster.endpoints, request_timeout=3)) as etcd:
        await etcd.put("/a/1", b"")
        mirror = Mirror(etcd, ["/a/"], stale_after=3)
        async with running(mirror.run()):
            await mirror.synced()
            for server in cluster.servers[1:]:
                server.kill()
            cut = time.monotonic()
            # An answer may prove that the member lives while it still believes in its leader.
            await asyncio.sleep(6)
            assert mirror.fresh_at < cut + 4
            for server in cluster.servers[1:]:
                server.launch()
            await asyncio.to_thread(cluster.servers[1].wait_until_healthy)
            revision = await etcd.put("/a/1", b"2")
            async with asyncio.timeout(10):
                await mirror.reached("/a/1", revision)


async def test_an_emptied_etcd_is_taken_for_what_it_is(server: EtcdServer, etcd: Etcd) -> None:
    replica = Replica()
    for number in range(20):
        await etcd.put(f"/a/{number}", b"old")
    mirror = Mirror(etcd, ["/a/"], on_change=replica.take)
    async with running(mirror.run()):
        await mirror.synced()
        server.kill()
        server.wipe()
        server.start()
        await etcd.put("/a/3", b"new")
        await until(lambda: mirror.resets == 1)
        assert set(mirror.prefix("/a/")) == {"/a/3"}
        assert replica.entries == held(mirror, "/a/")
        revision = await etcd.put("/a/4", b"new")
        async with asyncio.timeout(5):
            await mirror.reached("/a/4", revision)
        assert mirror.listings == 2
