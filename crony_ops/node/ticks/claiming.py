"""A claim's outcome, for certain: made, or refused and by what."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from crony_ops.errors import OutcomeUnknown, StoreError, StoreRefused, StoreUnavailable
from crony_ops.node.ticks.claims import Standing
from crony_ops.store import Op, Txn, TxnResult, get
from crony_ops.store.txn import Action

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from crony_ops.node.journal import Journal
    from crony_ops.node.metrics import NodeMetrics
    from crony_ops.node.ticks.claims import Claimant
    from crony_ops.node.ticks.holding import Holding
    from crony_ops.store import Batcher, Entry, Mirror

log = logging.getLogger(__name__)

RETRY = 0.2
MIRROR_PATIENCE = 5.0
STILL_TO_COME = 5.0
"""Seconds: a tick is claimed one second ahead at most, and a clock that is put right by a little
explains the rest. What is further ahead was claimed by a wrong clock."""


class Claiming:
    """Makes claims, and keeps what is known of a job's cursor with its holding. ``in_doubt`` is
    told of each claim that may yet be made after it was looked up."""

    def __init__(
        self,
        batcher: Batcher,
        mirror: Mirror,
        journal: Journal,
        metrics: NodeMetrics,
        in_doubt: Callable[[], None],
    ) -> None:
        self._batcher = batcher
        self._mirror = mirror
        self._journal = journal
        self._metrics = metrics
        self._in_doubt = in_doubt
        self._high_water = journal.high_water()
        self._furthest = max(self._high_water.values(), default=0)

    async def read_cursor(self, holding: Holding) -> None:
        """Raises StoreError."""
        result = await self._batcher.submit(Txn((), (get(holding.cursor_key),)))
        found = result.responses[0]
        self._take_cursor(holding, found[0] if isinstance(found, tuple) and found else None)

    async def claim(
        self, me: Claimant, holding: Holding, txn: Txn, patience: float | None = None
    ) -> TxnResult:
        """Learn a claim's outcome for certain. A refusal updates the holding.

        Raises StoreError, and TimeoutError when no answer came for ``patience`` seconds.
        """
        sent = time.monotonic()
        try:
            async with asyncio.timeout(patience):
                result = await submit_claim(self._batcher, me, holding, txn, self._in_doubt)
        except (StoreError, TimeoutError) as error:
            self._metrics.claim_failed()
            if isinstance(error, TimeoutError):
                self._in_doubt()  # it was given up on its way
            raise
        self._metrics.claim_answered(time.monotonic() - sent, made=result.succeeded)
        if not result.succeeded:
            await self._refused(me, holding, Standing.of(result))
        return result

    def moved_to(self, holding: Holding, tick: int, revision: int) -> None:
        """A claim of ours moved the cursor."""
        holding.cursor, holding.cursor_revision = tick, revision
        self._high_water[holding.job_id] = tick
        self._furthest = max(self._furthest, tick)
        try:
            self._journal.note_high_water(holding.job_id, tick)
            self._forget_what_is_to_come()
        except sqlite3.Error as error:  # it stands in memory, and in etcd's cursor
            log.warning("the journal can't be written: %s", error)

    def _forget_what_is_to_come(self) -> None:
        """Cursors that a wrong clock had moved are put right by people. What that clock claimed
        is no reason to pass anything over when its time has come. Raises sqlite3.Error."""
        latest = int(time.time() + STILL_TO_COME)
        if self._furthest <= latest:
            return
        self._journal.forget_high_water_beyond(latest)
        self._high_water = {job: tick for job, tick in self._high_water.items() if tick <= latest}
        self._furthest = max(self._high_water.values(), default=0)

    async def shows(self, txn: Txn, result: TxnResult) -> None:
        """What we wrote must show in the mirror before we look again. Raises StoreUnavailable."""
        await self._within_reason(self._mirror.shows(txn, result.revision))

    def must_be_gone(self, entry: Entry) -> None:
        """What could not be claimed must not show in the mirror when we look again. Raises
        StoreUnavailable: only a moment later there may be something else to claim."""
        if self._mirror.get(entry.key) == entry:
            raise StoreUnavailable(endpoints="etcd", reason="the mirror lags behind")

    async def _refused(self, me: Claimant, holding: Holding, now: Standing) -> None:
        """Learn what stands instead. Where a watch will tell us more, wait until it has."""
        log.info("a claim of %s was refused", holding.job_id)
        if now.node is None or now.node.lease != me.incarnation:
            raise StoreUnavailable(endpoints="etcd", reason="this node is not registered")
        holding.hindered("its claim was refused, and made again", time.time())
        if now.assignment is None or now.assignment.mod_revision != holding.revision:
            revision = now.assignment.mod_revision if now.assignment else holding.revision + 1
            await self._reached(holding.key, revision)
            return
        if now.pause is not None:
            await self._reached(now.pause.key, now.pause.mod_revision)
        if now.cursor is None:
            raise StoreUnavailable(endpoints="etcd", reason="the leader has made no cursor yet")
        self._take_cursor(holding, now.cursor)

    def _take_cursor(self, holding: Holding, entry: Entry | None) -> None:
        try:
            holding.take_cursor(entry, self._high_water.get(holding.job_id, 0), time.time())
        except ValueError:
            reason = "the cursor can't be read; the leader mends it"
            raise StoreUnavailable(endpoints=holding.cursor_key, reason=reason) from None

    async def _reached(self, key: str, revision: int) -> None:
        """Raises StoreUnavailable."""
        await self._within_reason(self._mirror.reached(key, revision))

    async def _within_reason(self, mirrored: Awaitable[None]) -> None:
        try:
            async with asyncio.timeout(MIRROR_PATIENCE):
                await mirrored
        except TimeoutError:
            raise StoreUnavailable(endpoints="etcd", reason="the mirror lags behind") from None


async def submit_claim(
    batcher: Batcher, me: Claimant, holding: Holding, claim: Txn, in_doubt: Callable[[], None]
) -> TxnResult:
    """A refused result's responses are what stands now, for ``Standing.of``.

    Waits as long as it takes to know, but for a claim that is still on its way when it is looked
    up: it may be made later, and ``in_doubt`` is called for that. Raises StoreUnavailable when the
    claim was never sent, and StoreRefused; an etcd that runs out of space may do what it says it
    refuses, so that is looked up, too.
    """
    try:
        return await batcher.submit(claim)
    except (OutcomeUnknown, StoreRefused) as error:
        in_doubt()
        result = await _read_back(batcher, me, holding, claim)
        if isinstance(error, StoreRefused) and not result.succeeded:
            raise
        return result


async def _read_back(batcher: Batcher, me: Claimant, holding: Holding, claim: Txn) -> TxnResult:
    """A claim writes its keys in one revision, so its last put tells: there with our very value,
    it was made."""
    last = [op for op in claim.then if isinstance(op, Op) and op.action is Action.PUT][-1]
    question = Txn((), (get(last.key), *me.as_it_stands(holding)))
    while True:
        try:
            found = await batcher.submit(question)
            break
        except (StoreUnavailable, OutcomeUnknown):
            await asyncio.sleep(RETRY)
    made = found.responses[0]
    if isinstance(made, tuple) and made and made[0].value == last.value:
        log.info("a claim of %s was made after all", holding.job_id)
        return TxnResult(True, made[0].mod_revision, ())
    return TxnResult(False, found.revision, found.responses[1:])
