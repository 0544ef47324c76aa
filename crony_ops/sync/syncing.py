"""A sync from its lock to its record: look, plan, apply, and look again where the store moved."""

from __future__ import annotations

import asyncio
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crony_ops.errors import OutcomeUnknown, SyncRefused
from crony_ops.model.cluster import SyncRecord
from crony_ops.store.txn import Txn, mod_is, put
from crony_ops.sync.apply import apply_edits, edits
from crony_ops.sync.guards import check_descent, check_removals
from crony_ops.sync.lock import SyncLock, under_lock
from crony_ops.sync.plan import Plan, make_plan
from crony_ops.sync.stored import Stored, read_stored

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from crony_ops.catalog.provenance import Provenance
    from crony_ops.model.spec import Spec
    from crony_ops.store.client import Etcd
    from crony_ops.store.keys import Keys
    from crony_ops.store.txn import Compare

_LOOKS = 5


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be stored, and on whose word. ``now`` is in unix seconds."""

    specs: Mapping[str, Spec]
    provenance: Provenance
    who: str
    host: str
    now: float
    prune: bool = True
    force: bool = False


@dataclass(frozen=True, slots=True)
class Synced:
    """What a sync did: its plan as made at first, the record it left, and the one before it."""

    plan: Plan
    record: SyncRecord
    before: SyncRecord | None


async def checked_plan(wish: Wish, stored: Stored) -> Plan:
    """The plan for what is stored. Raises SyncRefused where a guard says no."""
    plan = make_plan(wish.specs, stored.specs, prune=wish.prune)
    if not wish.force:
        check_removals(plan, len(stored.specs))
        if stored.last and wish.provenance.root:
            await asyncio.to_thread(
                check_descent, wish.provenance.root, wish.provenance.commit, stored.last.commit
            )
    return plan


async def sync(
    etcd: Etcd,
    keys: Keys,
    wish: Wish,
    *,
    on_wait: Callable[[SyncLock], None] = lambda _: None,
    on_progress: Callable[[int, int], None] = lambda _total, _done: None,
) -> Synced:
    """Make the stored jobs the wanted ones, and write down that it was done.

    ``on_wait`` is told once who else holds the lock; ``on_progress`` gets how many jobs there are
    to write, and how many are written.

    It may be killed at any point: every request leaves whole jobs, and the next sync does the rest.
    Raises SyncRefused when a guard says no or when another sync is at work, StoreError.
    """

    async def work(locked: Compare) -> Synced:
        return await _sync_locked(etcd, keys, wish, locked, on_progress)

    holder = SyncLock(who=wish.who, host=wish.host, at=wish.now)
    return await under_lock(etcd, keys, holder, work, on_wait=on_wait)


async def _sync_locked(
    etcd: Etcd,
    keys: Keys,
    wish: Wish,
    locked: Compare,
    on_progress: Callable[[int, int], None],
) -> Synced:
    done: Synced | None = None
    for _ in range(_LOOKS):
        stored = await read_stored(etcd, keys)
        if done and stored.last == done.record:
            return done  # written, though no answer came
        plan = await checked_plan(wish, stored)
        first, before = (done.plan, done.before) if done else (plan, stored.last)
        done = Synced(first, _record(wish, first, stored.last), before)
        guards = (locked, mod_is(keys.sync, stored.last_revision))
        todo = edits(plan, keys, wish.who, wish.now)
        advance = functools.partial(on_progress, len(plan))
        if await apply_edits(etcd, todo, guards, advance) and await _write_down(
            etcd, keys, done.record, guards
        ):
            return done
        held = await etcd.get(locked.key)
        if held is None or held.lease != locked.operand:
            raise SyncRefused(reason="the lock was lost on the way; run it again")
    raise SyncRefused(reason="the store keeps changing under it; run it again")


def _record(wish: Wish, plan: Plan, last: SyncRecord | None) -> SyncRecord:
    return SyncRecord(
        commit=wish.provenance.commit,
        author=wish.provenance.author,
        dirty=wish.provenance.dirty,
        jobs=plan.wanted,
        added=len(plan.added),
        changed=len(plan.changed),
        removed=len(plan.removed),
        digest=plan.digest,
        generation=last.generation + 1 if last else 1,
        who=wish.who,
        host=wish.host,
        at=wish.now,
    )


async def _write_down(
    etcd: Etcd, keys: Keys, record: SyncRecord, guards: tuple[Compare, ...]
) -> bool:
    try:
        answer = await etcd.txn(Txn(guards, (put(keys.sync, record.to_json()),)))
    except OutcomeUnknown:
        return False
    return answer.succeeded
