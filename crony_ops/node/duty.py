"""What this node owes its jobs: every tick of theirs is claimed, made up, or recorded as missed.

One job at a time is looked at by one task (``_advance``), which claims what is due within the
second ahead and then sets the timetable for the next look. All it decides on is compared in the
claim; a refusal brings what stands instead, and it decides again.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from typing import TYPE_CHECKING

from crony_ops.errors import OutcomeUnknown, StoreRefused, StoreUnavailable
from crony_ops.model.run import OpenRun, once_run_id
from crony_ops.node import claims
from crony_ops.node.claiming import submit_claim
from crony_ops.node.claims import Claimant, Standing
from crony_ops.node.runs import LATE, Start
from crony_ops.store import Txn, get

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from crony_ops.node.holding import Holding
    from crony_ops.node.journal import Journal
    from crony_ops.node.offline import Offline
    from crony_ops.node.queues import Queues
    from crony_ops.node.runs import Runs
    from crony_ops.node.timetable import Timetable
    from crony_ops.store import Batcher, Entry, Mirror, TxnResult

log = logging.getLogger(__name__)

RETRY = 0.2
REFUSED_RETRY = 5.0
SHORTEST_WAIT = 0.3
MIRROR_PATIENCE = 5.0


class Duty:
    """``claimant`` gives who we are while we hold our lease, and None while we don't. ``in_doubt``
    is told of each claim that may yet be made after it was looked up. ``holdings`` is kept by
    whoever watches the assignments.
    """

    def __init__(
        self,
        batcher: Batcher,
        mirror: Mirror,
        queues: Queues,
        journal: Journal,
        runs: Runs,
        timetable: Timetable,
        offline: Offline,
        group: asyncio.TaskGroup,
        *,
        claimant: Callable[[], Claimant | None],
        in_doubt: Callable[[], None],
        claim_ahead: float,
    ) -> None:
        self._batcher = batcher
        self._mirror = mirror
        self._queues = queues
        self._journal = journal
        self._runs = runs
        self._timetable = timetable
        self._offline = offline
        self._group = group
        self._claimant = claimant
        self._claim_ahead = claim_ahead
        self._high_water = journal.high_water()
        self._in_doubt = in_doubt
        self._stopped = False
        self.holdings: dict[str, Holding] = {}

    def stop(self) -> None:
        """Claim nothing more."""
        self._stopped = True

    async def run(self) -> None:
        """Look at each job when the timetable says so, until cancelled."""
        while True:
            for job_id in await self._timetable.due():
                self.look_at(job_id)

    def look_at(self, job_id: str) -> None:
        """Have a job looked at now, or once more if somebody is at it already."""
        holding = self.holdings.get(job_id)
        if holding is None or self._stopped:
            return
        if holding.advancing:
            holding.look_again = True
            return
        holding.advancing = True
        self._group.create_task(self._look(holding))

    async def _look(self, holding: Holding) -> None:
        try:
            while True:
                holding.look_again = False
                await self._advance(holding)
                if not holding.look_again:
                    return
        except (StoreUnavailable, OutcomeUnknown) as error:
            log.debug("%s: %s", holding.job_id, error)
            self._timetable.set(holding.job_id, time.time() + RETRY)
        except StoreRefused as error:
            log.warning("%s can't be claimed: %s", holding.job_id, error)
            self._timetable.set(holding.job_id, time.time() + REFUSED_RETRY)
        except Exception:  # one job's trouble must not end the others'
            log.exception("%s can't be looked at", holding.job_id)
            self._timetable.set(holding.job_id, time.time() + REFUSED_RETRY)
        finally:
            holding.advancing = False

    def _ours(self, holding: Holding) -> bool:
        return self.holdings.get(holding.job_id) is holding and not self._stopped

    async def _advance(self, holding: Holding) -> None:
        """Claim all that is due within the second ahead. Raises StoreError."""
        while self._ours(holding):
            me = self._claimant()
            paused = self._mirror.get(holding.pause_key) is not None
            if holding.bound and self._offline.on:
                if paused or not await self._offline.advance(holding):
                    return
                continue
            if me is None:
                return  # looked at again on registration
            if holding.cursor is None:
                await self._read_cursor(holding)
                continue
            if await self._claim_once(me, holding):
                continue
            if paused:
                self._offline.forget(holding.job_id)  # a next life without etcd must not run it
                return  # looked at again on resumption
            if await self._claim_queued(me, holding):
                continue
            if await self._account(me, holding):
                continue
            if not await self._claim_next(me, holding):
                return

    async def _read_cursor(self, holding: Holding) -> None:
        result = await self._batcher.submit(Txn((), (get(holding.cursor_key),)))
        found = result.responses[0]
        self._take_cursor(holding, found[0] if isinstance(found, tuple) and found else None)
        if holding.bound:
            self._offline.remember(holding)

    def _take_cursor(self, holding: Holding, entry: Entry | None) -> None:
        now = time.time()
        try:
            holding.take_cursor(entry, self._high_water.get(holding.job_id, 0), now)
        except ValueError:
            reason = "the cursor can't be read; the leader mends it"
            raise StoreUnavailable(endpoints=holding.cursor_key, reason=reason) from None

    async def _claim_once(self, me: Claimant, holding: Holding) -> bool:
        """A run that somebody asked for. True: something was done, look again."""
        entry = self._mirror.get(me.keys.once(holding.job_id))
        if entry is None or entry.value not in (b"", me.uuid.encode()):
            return False
        now = time.time()
        run_id = once_run_id(now, entry.create_revision, me.at(holding))
        txn, run = claims.claim_once(me, holding, entry, run_id, now)
        result = await self._claim(me, holding, txn)
        if result.succeeded:
            self._launch(holding, run, now)
            await self._shows(txn, result)
        return True

    async def _claim_queued(self, me: Claimant, holding: Holding) -> bool:
        now = time.time()
        for queued, entry in self._queues.of(holding.job_id, me.name):
            if queued.not_before > now:
                self._timetable.set(holding.job_id, queued.not_before)
                continue
            if holding.waits_for_slot and self._runs.under_way(holding.job_id):
                return False  # looked at again at its end
            txn, run = claims.claim_queued(me, holding, queued, entry, now)
            result = await self._claim(me, holding, txn)
            if result.succeeded:
                self._launch(holding, run, now)
                await self._shows(txn, result)
            return True
        return False

    async def _account(self, me: Claimant, holding: Holding) -> bool:
        """Ticks that came due and were not claimed. The one that is due just now is claimed."""
        now = time.time()
        assert holding.cursor is not None
        tick = holding.schedule.next_after(holding.cursor)
        if holding.fires_at(tick) > now:
            return False
        alone = holding.fires_at(holding.schedule.next_after(tick)) > now
        if alone and now - holding.fires_at(tick) <= LATE:
            return False
        missed = holding.missed(now)
        if missed is None:
            return False
        txn = claims.account(me, holding, missed, now)
        result = await self._claim(me, holding, txn)
        if result.succeeded:
            self._claimed(holding, missed.cursor, result.revision)
            await self._shows(txn, result)  # what is queued comes before new ticks
        return True

    async def _claim_next(self, me: Claimant, holding: Holding) -> bool:
        """Claim the next tick if it is due within the second ahead, else set the timetable."""
        assert holding.cursor is not None
        tick = holding.schedule.next_after(holding.cursor)
        fires_at = holding.fires_at(tick)
        at = fires_at - self._claim_ahead
        now = time.time()
        if at > now:
            self._timetable.set(holding.job_id, at)
            return False
        txn, run = claims.claim_tick(me, holding, tick, now)
        # A job that can't run elsewhere is not kept waiting for an answer beyond its second.
        patience = max(fires_at - now, SHORTEST_WAIT) if holding.bound else None
        try:
            result = await self._claim(me, holding, txn, patience)
        except (StoreUnavailable, TimeoutError):
            if not holding.bound:
                raise
            self._offline.begin(holding, tick)
            return True
        if result.succeeded:
            self._claimed(holding, tick, result.revision)
            self._launch(holding, run, fires_at)
        return True

    async def _claim(
        self, me: Claimant, holding: Holding, txn: Txn, patience: float | None = None
    ) -> TxnResult:
        """Learn a claim's outcome for certain. A refusal updates the holding.

        Raises TimeoutError when no answer came for ``patience`` seconds.
        """
        async with asyncio.timeout(patience):
            result = await submit_claim(self._batcher, me, holding, txn, self._in_doubt)
        if not result.succeeded:
            await self._refused(me, holding, Standing.of(result))
        return result

    async def _refused(self, me: Claimant, holding: Holding, now: Standing) -> None:
        """Learn what stands instead. Where a watch will tell us more, wait until it has."""
        log.info("a claim of %s was refused", holding.job_id)
        if now.node is None or now.node.lease != me.incarnation:
            raise StoreUnavailable(endpoints="etcd", reason="this node is not registered")
        if now.assignment is None or now.assignment.mod_revision != holding.revision:
            revision = now.assignment.mod_revision if now.assignment else holding.revision + 1
            await self._reached(holding.key, revision)
            return
        if now.pause is not None:
            await self._reached(now.pause.key, now.pause.mod_revision)
        if now.cursor is None:
            raise StoreUnavailable(endpoints="etcd", reason="the leader has made no cursor yet")
        self._take_cursor(holding, now.cursor)

    def _claimed(self, holding: Holding, tick: int, revision: int) -> None:
        holding.cursor, holding.cursor_revision = tick, revision
        self._high_water[holding.job_id] = max(self._high_water.get(holding.job_id, 0), tick)
        try:
            self._journal.raise_high_water([(holding.job_id, tick)])
            if holding.bound:
                self._offline.remember(holding)
        except sqlite3.Error as error:  # it stands in memory, and in etcd's cursor
            log.warning("the journal can't be written: %s", error)

    def _launch(self, holding: Holding, run: OpenRun, fires_at: float) -> None:
        self._runs.launch(
            Start(
                run=run,
                assignment=holding.assignment(),
                epoch=holding.revision,
                fires_at=fires_at,
                previous_tick=holding.schedule.previous_before(run.tick),
            )
        )

    def launch_stray(self, run: OpenRun) -> None:
        """A claim of ours that was made after we had looked it up, and that nobody runs."""
        me, holding = self._claimant(), self.holdings.get(run.job_id)
        if me is None or holding is None or holding.advancing or self._runs.has(run):
            return
        if run.incarnation == me.incarnation:
            log.warning("%s of %s was claimed after all", run.run_id, run.job_id)
            self._launch(holding, run, max(time.time(), holding.fires_at(run.tick)))

    async def _shows(self, txn: Txn, result: TxnResult) -> None:
        """What we wrote must show in the mirror before we look again. Raises StoreUnavailable."""
        await self._within_reason(self._mirror.shows(txn, result.revision))

    async def _reached(self, key: str, revision: int) -> None:
        """Raises StoreUnavailable."""
        await self._within_reason(self._mirror.reached(key, revision))

    async def _within_reason(self, mirrored: Awaitable[None]) -> None:
        try:
            async with asyncio.timeout(MIRROR_PATIENCE):
                await mirrored
        except TimeoutError:
            raise StoreUnavailable(endpoints="etcd", reason="the mirror lags behind") from None
