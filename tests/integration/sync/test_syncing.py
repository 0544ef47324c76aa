"""Syncs against a real etcd: what they write, what they leave alone, what they refuse."""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import TYPE_CHECKING

import pytest

from crony_ops.catalog import load_catalog
from crony_ops.errors import SyncRefused
from crony_ops.model.cluster import SyncRecord
from crony_ops.model.node import Pause
from crony_ops.model.spec import Spec
from crony_ops.store import Etcd, EtcdSettings
from crony_ops.sync.lock import SyncLock, under_lock
from crony_ops.sync.plan import make_plan
from crony_ops.sync.stored import read_stored
from crony_ops.sync.syncing import Synced, Wish, sync
from tests.integration.sync.folder import Repository

if TYPE_CHECKING:
    from crony_ops.store.keys import Keys
    from crony_ops.store.txn import Txn
    from tests.etcd_server import EtcdServer


def wish(
    repository: Repository, *, who: str = "ann", prune: bool = True, force: bool = False
) -> Wish:
    catalog = load_catalog(repository.jobs)
    assert not catalog.problems
    return Wish(catalog.specs, catalog.provenance, who, "host", time.time(), prune, force)


def counts(done: Synced) -> tuple[int, int, int, int]:
    plan = done.plan
    return len(plan.added), len(plan.changed), len(plan.removed), plan.unchanged


async def stored_ids(etcd: Etcd, keys: Keys) -> set[str]:
    specs = await etcd.range(keys.specs, keys_only=True)
    return {entry.key.removeprefix(keys.specs) for entry in specs.entries}


async def pause_of(etcd: Etcd, keys: Keys, job_id: str) -> Pause | None:
    entry = await etcd.get(keys.pause(job_id))
    return Pause.from_json(entry.value) if entry else None


async def test_a_thousand_jobs_are_stored_then_nothing_then_one_edit(
    etcd: Etcd, keys: Keys, repository: Repository
) -> None:
    repository.write_many(files=20, jobs_each=50)
    commit = repository.commit()
    assert counts(await sync(etcd, keys, wish(repository))) == (1000, 0, 0, 0)
    first = await etcd.range(keys.specs)
    spec = Spec.from_json(first.entries[0].value)
    assert (spec.source.file, spec.source.commit) == ("jobs/f00.yaml", commit)

    assert counts(await sync(etcd, keys, wish(repository))) == (0, 0, 0, 1000)
    assert (await etcd.range(keys.specs)).entries == first.entries

    path = repository.jobs / "f07.yaml"
    path.write_text(path.read_text().replace('"true"', '"false"', 1))
    done = await sync(etcd, keys, wish(repository))
    assert counts(done) == (0, 1, 0, 999)
    assert [c.job_id for c in done.plan.changed] == ["j-07-000"]
    assert done.record.dirty
    assert done.record.generation == 3


async def test_an_unchanged_sync_writes_its_record_and_its_lock_and_nothing_else(
    etcd: Etcd, keys: Keys, repository: Repository
) -> None:
    repository.write("a.yaml", one="true")
    await sync(etcd, keys, wish(repository))
    before = await etcd.range(f"{keys.root}/")
    await sync(etcd, keys, wish(repository))
    after = await etcd.range(f"{keys.root}/")
    changed = {e.key for e in after.entries} - {e.key for e in after.entries if e in before.entries}
    assert changed == {keys.sync}


async def test_a_deleted_file_takes_its_jobs_away_and_stops_them(
    etcd: Etcd, keys: Keys, repository: Repository
) -> None:
    repository.write("a.yaml", one="true", two="true")
    gone = repository.write("b.yaml", three="true")
    await sync(etcd, keys, wish(repository))
    gone.unlink()
    assert counts(await sync(etcd, keys, wish(repository))) == (0, 0, 1, 2)
    assert await stored_ids(etcd, keys) == {"one", "two"}
    pause = await pause_of(etcd, keys, "three")
    assert pause is not None
    assert (pause.removal, pause.who) == (True, "ann")


async def test_a_job_that_comes_back_stays_paused_until_the_leader_has_moved_its_cursor_up(
    etcd: Etcd, keys: Keys, repository: Repository
) -> None:
    repository.write("a.yaml", one="true", two="true")
    await sync(etcd, keys, wish(repository))
    repository.write("a.yaml", one="true")
    await sync(etcd, keys, wish(repository))
    repository.write("a.yaml", one="true", two="true")
    await sync(etcd, keys, wish(repository))
    assert await stored_ids(etcd, keys) == {"one", "two"}
    pause = await pause_of(etcd, keys, "two")
    assert pause is not None
    assert pause.removal


async def test_a_pause_that_an_operator_made_is_never_taken_away(
    etcd: Etcd, keys: Keys, repository: Repository
) -> None:
    by_hand = Pause(who="bob", at=1.0, why="vacation")
    await etcd.put(keys.pause("one"), by_hand.to_json())
    repository.write("a.yaml", one="true")
    await sync(etcd, keys, wish(repository))
    assert await pause_of(etcd, keys, "one") == by_hand


async def test_a_removal_replaces_the_pause_that_an_operator_made(
    etcd: Etcd, keys: Keys, repository: Repository
) -> None:
    repository.write("a.yaml", one="true", two="true")
    await sync(etcd, keys, wish(repository))
    await etcd.put(keys.pause("two"), Pause(who="bob", at=1.0).to_json())
    repository.write("a.yaml", one="true")
    await sync(etcd, keys, wish(repository))
    pause = await pause_of(etcd, keys, "two")
    assert pause is not None
    assert pause.removal


async def test_no_prune_keeps_what_is_in_no_file(
    etcd: Etcd, keys: Keys, repository: Repository
) -> None:
    repository.write("a.yaml", one="true", two="true")
    await sync(etcd, keys, wish(repository))
    repository.write("a.yaml", one="true")
    done = await sync(etcd, keys, wish(repository, prune=False))
    assert done.plan.kept == ("two",)
    assert await stored_ids(etcd, keys) == {"one", "two"}


async def test_jobs_with_long_scripts_fit_into_requests(
    etcd: Etcd, keys: Keys, repository: Repository
) -> None:
    jobs = {f"j{n}": "#" * 100_000 for n in range(40)}
    repository.write("a.yaml", **jobs)
    assert counts(await sync(etcd, keys, wish(repository))) == (40, 0, 0, 0)


async def test_a_value_that_is_no_spec_is_mended(
    etcd: Etcd, keys: Keys, repository: Repository
) -> None:
    await etcd.put(keys.spec("one"), b"\xff")
    await etcd.put(keys.sync, b"{}")
    repository.write("a.yaml", one="true")
    done = await sync(etcd, keys, wish(repository))
    assert counts(done) == (0, 1, 0, 0)
    stored = await read_stored(etcd, keys)
    assert not len(make_plan(wish(repository).specs, stored.specs))
    assert stored.last == done.record


async def test_two_syncs_at_once_come_one_after_the_other(
    etcd: Etcd, keys: Keys, tmp_path_factory: pytest.TempPathFactory
) -> None:
    repositories = [Repository(tmp_path_factory.mktemp(name) / "ops") for name in ("a", "b")]
    for repository, shell in zip(repositories, ("echo a", "echo b"), strict=True):
        repository.write("a.yaml", **{f"j{n:03}": shell for n in range(400)})
    waits: list[SyncLock] = []
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(sync(etcd, keys, wish(repository, who=who), on_wait=waits.append))
            for repository, who in zip(repositories, ("ann", "bob"), strict=True)
        ]
    by_turn = sorted((task.result() for task in tasks), key=lambda done: done.record.generation)
    assert [counts(done) for done in by_turn] == [(400, 0, 0, 0), (0, 400, 0, 0)]
    assert [lock.who for lock in waits] == [by_turn[0].record.who]
    stored = await read_stored(etcd, keys)
    assert stored.last == by_turn[1].record
    specs = await etcd.range(keys.specs)
    shells = {Spec.from_json(entry.value).job.shell for entry in specs.entries}
    assert shells == {"echo a" if by_turn[1].record.who == "ann" else "echo b"}


async def test_a_sync_whose_lock_is_taken_away_writes_no_more(
    etcd: Etcd, keys: Keys, repository: Repository
) -> None:
    repository.write_many(files=10, jobs_each=126)
    thief = SyncLock(who="bob", host="other", at=2.0)
    real, requests = etcd.txn, itertools.count()

    async def txn_after_the_thief(txn: Txn) -> object:
        if len(txn.then) > 100 and next(requests) == 5:
            await etcd.delete(keys.sync_lock)
            await etcd.put(keys.sync_lock, thief.to_json())
        return await real(txn)

    etcd.txn = txn_after_the_thief  # type: ignore[assignment,method-assign]
    with pytest.raises(SyncRefused, match="lock was lost"):
        await sync(etcd, keys, wish(repository))
    assert 0 < await etcd.count(keys.specs) < 1260
    assert await etcd.get(keys.sync) is None
    held = await etcd.get(keys.sync_lock)
    assert held is not None
    assert held.value == thief.to_json()


async def test_a_lock_that_is_not_given_back_is_named(etcd: Etcd, keys: Keys) -> None:
    lock = SyncLock(who="bob", host="other", at=1.0)
    await etcd.put(keys.sync_lock, lock.to_json())

    async def nothing(_: object) -> None:
        pytest.fail("two under one lock")

    with pytest.raises(SyncRefused, match="by bob on other"):
        await under_lock(etcd, keys, lock, nothing, patience=0.1)
    entry = await etcd.get(keys.sync_lock)
    assert entry is not None
    assert entry.lease == 0


async def test_a_lock_goes_with_the_work_however_it_ends(etcd: Etcd, keys: Keys) -> None:
    async def broken(_: object) -> None:
        assert await etcd.get(keys.sync_lock) is not None
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await under_lock(etcd, keys, SyncLock(who="ann", host="h", at=1.0), broken)
    assert await etcd.get(keys.sync_lock) is None


async def test_a_sync_goes_on_through_a_restart_of_etcd(
    etcd_server: EtcdServer, keys: Keys, repository: Repository
) -> None:
    repository.write_many(files=20, jobs_each=126)
    settings = EtcdSettings(endpoints=(etcd_server.endpoint,), prefix=keys.root)
    async with Etcd(settings) as etcd:
        real, requests = etcd.txn, itertools.count()

        async def txn_and_restart(txn: Txn) -> object:
            sent = asyncio.create_task(real(txn))
            if len(txn.then) > 100 and next(requests) == 5:
                await asyncio.sleep(0)
                await asyncio.to_thread(etcd_server.restart)
            return await sent

        etcd.txn = txn_and_restart  # type: ignore[assignment,method-assign]
        done = await sync(etcd, keys, wish(repository))
        assert counts(done) == (2520, 0, 0, 0)
        assert await etcd.count(keys.specs) == 2520
        stored = await read_stored(etcd, keys)
        assert stored.last == done.record


async def test_a_commit_that_is_behind_is_refused_unless_forced(
    etcd: Etcd, keys: Keys, repository: Repository
) -> None:
    repository.write("a.yaml", one="true")
    old = repository.commit()
    repository.write("a.yaml", one="false")
    repository.commit()
    await sync(etcd, keys, wish(repository))
    repository.git("checkout", "-q", old)
    with pytest.raises(SyncRefused, match="does not descend"):
        await sync(etcd, keys, wish(repository))
    assert counts(await sync(etcd, keys, wish(repository, force=True))) == (0, 1, 0, 0)


async def test_a_repository_that_lacks_the_last_synced_commit_is_refused(
    etcd: Etcd, keys: Keys, repository: Repository
) -> None:
    repository.write("a.yaml", one="true")
    repository.commit()
    elsewhere = SyncRecord(
        commit="f" * 40, jobs=1, digest="", generation=4, who="bob", at=time.time()
    )
    await etcd.put(keys.sync, elsewhere.to_json())
    with pytest.raises(SyncRefused, match="unknown here"):
        await sync(etcd, keys, wish(repository))
    assert await stored_ids(etcd, keys) == set()


async def test_losing_most_jobs_is_refused_unless_forced(
    etcd: Etcd, keys: Keys, repository: Repository
) -> None:
    repository.write("a.yaml", **{f"j{n}": "true" for n in range(12)})
    await sync(etcd, keys, wish(repository))
    repository.write("a.yaml", **{f"j{n}": "true" for n in range(5)})
    with pytest.raises(SyncRefused, match="7 of 12"):
        await sync(etcd, keys, wish(repository))
    assert len(await stored_ids(etcd, keys)) == 12
    assert counts(await sync(etcd, keys, wish(repository, force=True))) == (0, 0, 7, 5)


async def test_losing_half_of_the_jobs_or_five_of_them_is_fine(
    etcd: Etcd, keys: Keys, repository: Repository
) -> None:
    repository.write("a.yaml", **{f"j{n:02}": "true" for n in range(12)})
    await sync(etcd, keys, wish(repository))
    repository.write("a.yaml", **{f"j{n:02}": "true" for n in range(6)})
    await sync(etcd, keys, wish(repository))
    repository.write("a.yaml", j00="true")
    assert counts(await sync(etcd, keys, wish(repository))) == (0, 0, 5, 1)
