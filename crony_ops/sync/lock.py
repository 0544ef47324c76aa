"""One sync at a time: a lock on a lease, which goes with the process that holds it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, TypeVar

from crony_ops.errors import LeaseLost, OutcomeUnknown, StoreError, SyncRefused
from crony_ops.model.record import Record
from crony_ops.store.lease import LeaseKeeper
from crony_ops.store.txn import Txn, absent, get, lease_is, put

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from crony_ops.store.client import Etcd
    from crony_ops.store.keys import Keys
    from crony_ops.store.txn import Compare

LOCK_TTL = 10
PATIENCE = 30.0
"""Seconds to wait for another sync: longer than a killed one's lock lasts."""
_LOOK_AGAIN = 0.25

T = TypeVar("T")


class SyncLock(Record):
    """`/crony/sync-lock`: who syncs right now, since when (unix seconds)."""

    who: str
    host: str
    at: float


async def under_lock(
    etcd: Etcd,
    keys: Keys,
    holder: SyncLock,
    work: Callable[[Compare], Awaitable[T]],
    *,
    patience: float = PATIENCE,
    on_wait: Callable[[SyncLock], None] = lambda _: None,
) -> T:
    """Do ``work`` while no other sync does; it gets the condition that each write must compare.

    Waits ``patience`` seconds for a lock that is held, telling ``on_wait`` once by whom. Raises
    SyncRefused when it is still held then, or is lost on the way.
    """
    keeper = LeaseKeeper(etcd, LOCK_TTL)
    lease = await keeper.grant()
    try:
        async with asyncio.TaskGroup() as group:
            renewing = group.create_task(keeper.run())
            await _take(etcd, keys, holder, lease, patience, on_wait)
            result = await work(lease_is(keys.sync_lock, lease))
            renewing.cancel()
        return result
    except ExceptionGroup as errors:
        cause = errors.exceptions[0]
        while isinstance(cause, ExceptionGroup):
            cause = cause.exceptions[0]
        if isinstance(cause, LeaseLost):
            raise SyncRefused(reason="the lock was lost on the way; run it again") from errors
        raise cause from errors
    finally:
        await _give_back(keeper)


async def _take(
    etcd: Etcd,
    keys: Keys,
    holder: SyncLock,
    lease: int,
    patience: float,
    on_wait: Callable[[SyncLock], None],
) -> None:
    deadline = time.monotonic() + patience
    request = Txn(
        (absent(keys.sync_lock),),
        (put(keys.sync_lock, holder.to_json(), lease),),
        (get(keys.sync_lock),),
    )
    told = False
    while True:
        try:
            answer = await etcd.txn(request)
        except OutcomeUnknown:
            continue  # if it was taken after all, the next answer says that it hangs on our lease
        if answer.succeeded:
            return
        [found] = answer.responses
        if isinstance(found, tuple) and found:
            if found[0].lease == lease:
                return
            other = _read(found[0].value)
            if time.monotonic() > deadline:
                raise SyncRefused(
                    reason=f"another one is under way, by {other.who} on {other.host}"
                )
            if not told:
                on_wait(other)
                told = True
        await asyncio.sleep(_LOOK_AGAIN)


def _read(value: bytes) -> SyncLock:
    try:
        return SyncLock.from_json(value)
    except ValueError:
        return SyncLock(who="somebody", host="an unknown host", at=0.0)


async def _give_back(keeper: LeaseKeeper) -> None:
    try:
        await keeper.revoke()
    except StoreError:
        return  # it ends by itself within its TTL
