"""Many transactions in few requests, each told its own outcome."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from crony_ops.errors import GuardFailed, OutcomeUnknown, StoreRefused, StoreUnavailable
from crony_ops.store import (
    Batcher,
    Etcd,
    EtcdSettings,
    Txn,
    TxnResult,
    absent,
    create_is,
    delete,
    delete_prefix,
    exists,
    get,
    get_prefix,
    put,
    value_is,
)
from tests.integration.store.conftest import running

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable

    from tests.etcd_server import EtcdServer


class CountingEtcd(Etcd):
    """The real client, and how many requests it sent."""

    sent = 0

    async def txn(self, txn: Txn, *, timeout: float | None = None) -> TxnResult:
        self.sent += 1
        return await super().txn(txn, timeout=timeout)


async def outcomes(batcher: Batcher, txns: Iterable[Txn]) -> list[TxnResult | BaseException]:
    return await asyncio.gather(*map(batcher.submit, txns), return_exceptions=True)


async def outcome_of(request: Awaitable[object]) -> type[BaseException] | None:
    (result,) = await asyncio.gather(request, return_exceptions=True)
    return type(result) if isinstance(result, BaseException) else None


async def test_each_is_told_its_own_outcome_in_few_requests(store_settings: EtcdSettings) -> None:
    async with CountingEtcd(store_settings) as etcd:
        at = store_settings.prefix
        for number in range(0, 100, 3):
            await etcd.put(f"{at}/{number}", b"there")
        batcher = Batcher(etcd)
        async with running(batcher.run()):
            results = await outcomes(
                batcher,
                (
                    Txn((absent(f"{at}/{n}"),), (put(f"{at}/{n}", b"new"),), (get(f"{at}/{n}"),))
                    for n in range(100)
                ),
            )
        assert etcd.sent <= 3
        for number, result in enumerate(results):
            assert isinstance(result, TxnResult)
            assert result.succeeded == bool(number % 3)
            if not result.succeeded:
                (entries,) = result.responses
                assert entries[0].value == b"there"  # type: ignore[index]
            else:
                assert result.revision > 0


async def test_two_on_one_key_keep_their_order(store_settings: EtcdSettings) -> None:
    at = store_settings.prefix
    async with CountingEtcd(store_settings) as etcd:
        batcher = Batcher(etcd)
        async with running(batcher.run()):
            claims = [
                Txn((absent(f"{at}/cursor"),), (put(f"{at}/cursor", b"1"),)),
                Txn((absent(f"{at}/cursor"),), (put(f"{at}/cursor", b"2"),)),
                Txn((value_is(f"{at}/cursor", b"1"),), (put(f"{at}/other", b""),)),
                Txn((), (delete(f"{at}/cursor"),)),
                Txn((exists(f"{at}/cursor"),), ()),
            ]
            results = await outcomes(batcher, claims)
        assert [r.succeeded for r in results if isinstance(r, TxnResult)] == [
            *(True, False, True, True, False)
        ]


async def test_a_prefix_waits_for_the_keys_under_it(store_settings: EtcdSettings) -> None:
    at = store_settings.prefix
    async with CountingEtcd(store_settings) as etcd:
        batcher = Batcher(etcd)
        async with running(batcher.run()):
            results = await outcomes(
                batcher,
                [
                    Txn((), (put(f"{at}/d/1", b""), put(f"{at}/e/1", b""))),
                    Txn((), (delete_prefix(f"{at}/d/"),)),
                    Txn((), (put(f"{at}/d/2", b""),)),
                    Txn((), (get_prefix(f"{at}/d/"), get_prefix(f"{at}/e/"))),
                ],
            )
        deleted, seen = results[1], results[3]
        assert isinstance(deleted, TxnResult)
        assert isinstance(seen, TxnResult)
        assert deleted.responses == (1,)
        assert [len(entries) for entries in seen.responses] == [1, 1]  # type: ignore[arg-type]


async def test_one_bad_member_spoils_no_other(store_settings: EtcdSettings) -> None:
    at = store_settings.prefix
    async with Etcd(store_settings) as etcd:
        batcher = Batcher(etcd)
        txns = [Txn((), (put(f"{at}/{number}", b""),)) for number in range(40)]
        txns[7] = Txn((), (put(f"{at}/7", b"", lease=4711),))
        txns[23] = Txn((), (put(f"{at}/23", b"1"), put(f"{at}/23", b"2")))
        txns[31] = Txn((), tuple(put(f"{at}/31/{number}", b"") for number in range(200)))
        async with running(batcher.run()):
            results = await outcomes(batcher, txns)
        for number, result in enumerate(results):
            kind = StoreRefused if number in (7, 23, 31) else TxnResult
            assert isinstance(result, kind), number
        assert await etcd.count(f"{at}/") == 37


async def test_limits_of_etcd_are_kept_by_packing(store_settings: EtcdSettings) -> None:
    """Deep, wide and large members all go through without one refusal."""
    at = store_settings.prefix
    async with CountingEtcd(store_settings) as etcd:
        batcher = Batcher(etcd)

        def member(number: int) -> Txn:
            if number % 3 == 0:
                return Txn((), tuple(put(f"{at}/w/{number}/{k}", b"") for k in range(100)))
            if number % 3 == 1:
                deep = Txn((absent(f"{at}/x/{number}"),), (put(f"{at}/x/{number}", b""),))
                return Txn((), (deep,), tuple(get(f"{at}/y/{k}") for k in range(60)))
            return Txn((), (put(f"{at}/l/{number}", b"x" * 200_000),))

        async with running(batcher.run()):
            results = await outcomes(batcher, (member(number) for number in range(90)))
        assert all(isinstance(result, TxnResult) for result in results)
        assert etcd.sent < 60


async def test_a_guard_that_fails_stops_everything(store_settings: EtcdSettings) -> None:
    at = store_settings.prefix
    async with Etcd(store_settings) as etcd:
        revision = await etcd.put(f"{at}/leader", b"me")
        batcher = Batcher(etcd, guard=(create_is(f"{at}/leader", revision),))
        async with running(batcher.run()):
            assert (await batcher.submit(Txn((), (put(f"{at}/a", b""),)))).succeeded
            await etcd.delete(f"{at}/leader")
            await etcd.put(f"{at}/leader", b"you")
            results = await outcomes(
                batcher, (Txn((), (put(f"{at}/b/{n}", b""),)) for n in range(5))
            )
        assert all(isinstance(result, GuardFailed) for result in results)
        assert await etcd.count(f"{at}/b/") == 0


async def test_a_cancelled_submitter_disturbs_no_other(store_settings: EtcdSettings) -> None:
    at = store_settings.prefix
    async with Etcd(store_settings) as etcd:
        batcher = Batcher(etcd)
        tasks = [
            asyncio.create_task(batcher.submit(Txn((), (put(f"{at}/{n % 5}", b"%d" % n),))))
            for n in range(20)
        ]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        async with running(batcher.run()):
            results = await asyncio.gather(*tasks, return_exceptions=True)
        for number, result in enumerate(results):
            kind = TxnResult if number % 2 else asyncio.CancelledError
            assert isinstance(result, kind)
        values = [entry.value for entry in (await etcd.range(f"{at}/")).entries]
        assert values == [b"15", b"11", b"17", b"13", b"19"]


async def test_unanswered_and_unsent_are_told_apart(server: EtcdServer) -> None:
    async with Etcd(EtcdSettings(endpoints=(server.endpoint,), request_timeout=1)) as etcd:
        await etcd.get("/k")
        batcher = Batcher(etcd)
        async with running(batcher.run()):
            txns = [Txn((), (put(f"/{number}", b""),)) for number in range(10)]
            server.freeze()
            assert all(isinstance(r, OutcomeUnknown) for r in await outcomes(batcher, txns))
            server.kill()
            # Until its end is noticed, a request may still be handed to the dead connection.
            with pytest.raises(StoreUnavailable):
                await etcd.get("/k")
            assert all(isinstance(r, StoreUnavailable) for r in await outcomes(batcher, txns))
            server.start()
            # gRPC may be waiting up to 3 s before it tries to connect again.
            async with asyncio.timeout(10):
                while await outcome_of(etcd.get("/k")) is StoreUnavailable:
                    pass
            assert all(isinstance(r, TxnResult) for r in await outcomes(batcher, txns))


async def test_a_stopped_batcher_leaves_nobody_waiting(store_settings: EtcdSettings) -> None:
    async with Etcd(store_settings) as etcd:
        batcher = Batcher(etcd, guard=(exists("/unlocked"),), in_flight=1)
        async with running(batcher.run()):
            await outcomes(batcher, [Txn((), ())])
            waiting = asyncio.create_task(batcher.submit(Txn((), (put("/never", b""),))))
            await asyncio.sleep(0)
        with pytest.raises(StoreUnavailable):
            await waiting
        with pytest.raises(StoreUnavailable):
            await batcher.submit(Txn((), ()))


async def test_thousands_at_once_take_a_moment(store_settings: EtcdSettings) -> None:
    at = store_settings.prefix
    async with CountingEtcd(store_settings) as etcd:
        batcher = Batcher(etcd)
        async with running(batcher.run()):
            began = time.monotonic()
            results = await outcomes(
                batcher,
                (
                    Txn((absent(f"{at}/{n}"),), (put(f"{at}/{n}", b""), put(f"{at}/o/{n}", b"")))
                    for n in range(5000)
                ),
            )
            took = time.monotonic() - began
        assert all(isinstance(r, TxnResult) and r.succeeded for r in results)
        assert etcd.sent < 60
        assert took < 5
