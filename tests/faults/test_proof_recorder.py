"""The recorder of the proof has every event, whatever etcd went through, or says it has not."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from crony_ops.errors import Compacted
from crony_ops.local.waiting import wait_until
from crony_ops.store import Etcd, EtcdSettings, Txn, delete, put
from tests.faults.proof.history import WRITES, Write, read_write
from tests.faults.proof.recorder import Recorder, RecordIncomplete
from tests.integration.store.conftest import running

if TYPE_CHECKING:
    from tests.etcd_server import EtcdServer

ROOT = "/crony/"
PATIENCE = 20.0


def recorded(folder: Path) -> list[Write]:
    return [read_write(line) for line in (folder / WRITES).read_text().splitlines()]


async def write_much(etcd: Etcd) -> None:
    lease = await etcd.grant(60)
    for number in range(50):
        await etcd.put(f"{ROOT}a/{number % 7}", b"%d" % number, lease=lease if number % 2 else 0)
        await etcd.put(f"/other/{number}", b"not ours")
    both = (put(f"{ROOT}b", "ü".encode()), delete(f"{ROOT}a/3"))
    await etcd.txn(Txn((), both))
    await etcd.revoke(lease)


async def test_every_event_is_recorded_through_a_death_and_a_compaction(
    etcd_server: EtcdServer, tmp_path: Path
) -> None:
    settings = EtcdSettings(endpoints=(etcd_server.endpoint,))
    recorder = Recorder(settings, ROOT, tmp_path)
    async with Etcd(settings) as etcd:
        await write_much(etcd)
        async with running(recorder.run()):
            _, head = await etcd.head()
            await wait_until(lambda: recorder.revision >= head, "what was before", PATIENCE)
            await etcd.compact(recorder.revision)
            await asyncio.to_thread(etcd_server.restart)
            await write_much(etcd)
            await recorder.complete(etcd, PATIENCE)
    writes = recorded(tmp_path)
    assert {write.key.rpartition("/")[0] for write in writes} <= {"/crony", "/crony/a"}
    revisions = [write.revision for write in writes]
    assert revisions == sorted(revisions)
    last: dict[str, int] = {}
    for write in writes:
        assert write.previous == last.pop(write.key, 0)
        if write.value is not None:
            last[write.key] = write.revision
    both = [write for write in writes if write.key == f"{ROOT}b"]
    assert [write.value for write in both] == ["ü", "ü"]
    assert any(w.revision == both[0].revision and w.value is None for w in writes)
    assert any(write.lease for write in writes)


async def test_a_lease_may_end_while_the_record_is_completed(
    etcd_server: EtcdServer, tmp_path: Path
) -> None:
    settings = EtcdSettings(endpoints=(etcd_server.endpoint,))
    recorder = Recorder(settings, ROOT, tmp_path)
    async with Etcd(settings) as etcd:
        lease = await etcd.grant(60)
        await etcd.put(f"{ROOT}spec", b"stays")
        await etcd.put(f"{ROOT}node", b"alive", lease=lease)
        completing = asyncio.create_task(recorder.complete(etcd, PATIENCE))
        await etcd.get(f"{ROOT}node")  # by then it has looked
        await etcd.revoke(lease)
        async with running(recorder.run()):
            await completing
    assert recorded(tmp_path)[-1].value is None


async def test_a_record_that_begins_later_has_what_stands_and_then_every_event(
    etcd_server: EtcdServer, tmp_path: Path
) -> None:
    settings = EtcdSettings(endpoints=(etcd_server.endpoint,))
    recorder = Recorder(settings, ROOT, tmp_path, watched=ROOT)
    async with Etcd(settings) as etcd:
        await write_much(etcd)
        _, head = await etcd.head()
        await etcd.compact(head)
        stood = (await etcd.range(ROOT)).entries
        since = await recorder.begin(etcd)
        assert since == head
        async with running(recorder.run()):
            await write_much(etcd)
            await recorder.complete(etcd, PATIENCE)
    writes = recorded(tmp_path)
    before = [write for write in writes if write.revision <= since]
    assert {(w.key, w.revision, w.lease, w.value) for w in before} == {
        (entry.key, entry.mod_revision, entry.lease, entry.value.decode()) for entry in stood
    }
    assert [write.key for write in before if write.previous] == []
    assert [write.revision for write in writes] == sorted(write.revision for write in writes)
    after = next(write for write in writes if write.revision > since and write.key == f"{ROOT}b")
    assert after.previous == next(write.revision for write in before if write.key == f"{ROOT}b")


async def test_a_record_that_lacks_something_is_no_record(
    etcd_server: EtcdServer, tmp_path: Path
) -> None:
    settings = EtcdSettings(endpoints=(etcd_server.endpoint,))
    async with Etcd(settings) as etcd:
        await etcd.put(f"{ROOT}unseen", b"1")
        recorder = Recorder(settings, ROOT, tmp_path)
        with pytest.raises(RecordIncomplete, match="unseen"):
            await recorder.complete(etcd, 0.1)
        await etcd.put(f"{ROOT}unseen", b"2")
        await etcd.compact((await etcd.head())[1])
        with pytest.raises(Compacted):
            async with asyncio.timeout(PATIENCE):
                await recorder.run()
