"""What this node owes its jobs: every tick of theirs is claimed, made up, or recorded as missed.

One job at a time is looked at by one task (``_advance``), which claims what is due within the
second ahead and then sets the timetable for the next look. All it decides on is compared in the
claim; a refusal brings what stands instead, and it decides again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from crony_ops.daemon.logs import about
from crony_ops.errors import OutcomeUnknown, StoreError, StoreRefused, StoreUnavailable
from crony_ops.model.run import OpenRun, RunState, once_run_id
from crony_ops.node.runs.active_run import Start
from crony_ops.node.runs.concurrency import named, replaced_early, replaced_with
from crony_ops.node.ticks import claims
from crony_ops.node.wall_clock import clock_offset

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from crony_ops.node.metrics import NodeMetrics
    from crony_ops.node.runs.under_way import Runs
    from crony_ops.node.ticks.claiming import Claiming
    from crony_ops.node.ticks.claims import Claimant
    from crony_ops.node.ticks.holding import Holding
    from crony_ops.node.ticks.offline import Offline
    from crony_ops.node.ticks.queues import Queues
    from crony_ops.node.ticks.timetable import Timetable
    from crony_ops.store import Mirror

log = logging.getLogger(__name__)

RETRY = 0.2
REFUSED_RETRY = 5.0
SHORTEST_WAIT = 0.3
UNREGISTERED = "this node was not registered"


class Duty:
    """``claimant`` gives who we are while we hold our lease, and None while we don't. ``holdings``
    is kept by whoever watches the assignments."""

    def __init__(
        self,
        holdings: Mapping[str, Holding],
        claiming: Claiming,
        mirror: Mirror,
        queues: Queues,
        runs: Runs,
        timetable: Timetable,
        offline: Offline,
        metrics: NodeMetrics,
        group: asyncio.TaskGroup,
        *,
        claimant: Callable[[], Claimant | None],
        claim_ahead: float,
    ) -> None:
        self._holdings = holdings
        self._claiming = claiming
        self._mirror = mirror
        self._queues = queues
        self._runs = runs
        self._timetable = timetable
        self._offline = offline
        self._metrics = metrics
        self._group = group
        self._claimant = claimant
        self._claim_ahead = claim_ahead
        self._stopped = False
        self._looking: set[asyncio.Task[None]] = set()

    def stop(self) -> None:
        """Claim nothing more."""
        self._stopped = True

    async def idle(self) -> None:
        """Once stopped: wait until what was claimed by then is known, and launched."""
        if self._looking:
            await asyncio.wait(self._looking)

    async def run(self) -> None:
        """Look at each job when the timetable says so, until cancelled."""
        while True:
            for job_id in await self._timetable.due():
                self.look_at(job_id)

    def look_at(self, job_id: str) -> None:
        """Have a job looked at now, or once more if somebody is at it already."""
        holding = self._holdings.get(job_id)
        if holding is None or self._stopped:
            return
        if holding.advancing:
            holding.look_again = True
            return
        holding.advancing = True
        with about(job=job_id):
            task = self._group.create_task(self._look(holding))
        self._looking.add(task)
        task.add_done_callback(self._looking.discard)

    async def _look(self, holding: Holding) -> None:
        try:
            while True:
                holding.look_again = False
                await self._advance(holding)
                if not holding.look_again:
                    return
        except (StoreUnavailable, OutcomeUnknown) as error:
            log.debug("%s: %s", holding.job_id, error)
            self._try_again(holding, error, RETRY)
        except StoreRefused as error:
            log.warning("%s can't be claimed: %s", holding.job_id, error)
            self._try_again(holding, error, REFUSED_RETRY)
        except Exception:  # one job's trouble must not end the others'
            log.exception("%s can't be looked at", holding.job_id)
            self._timetable.set(holding.job_id, time.time() + REFUSED_RETRY)
        finally:
            holding.advancing = False

    def _try_again(self, holding: Holding, error: StoreError, pause: float) -> None:
        now = time.time()
        holding.hindered(str(error), now)
        self._timetable.set(holding.job_id, now + pause)

    def _ours(self, holding: Holding) -> bool:
        return self._holdings.get(holding.job_id) is holding and not self._stopped

    async def _advance(self, holding: Holding) -> None:
        """Claim all that is due within the second ahead. Raises StoreError."""
        while self._ours(holding):
            me = self._claimant()
            paused = self._mirror.get(holding.pause_key) is not None
            if holding.bound and self._offline.on:
                if paused or holding.leaving or not await self._offline.advance(holding):
                    return
                continue
            if me is None:
                holding.hindered(UNREGISTERED, time.time())
                return  # looked at again on registration
            if holding.cursor is None:
                await self._read_cursor(holding)
                continue
            if await self._claim_once(me, holding):
                continue
            if paused:
                if holding.bound:  # a next life without etcd must not run it
                    self._offline.forget(holding.job_id)
                return  # looked at again on resumption
            if holding.leaving:
                return  # looked at again when its assignment is written anew
            if await self._claim_queued(me, holding):
                continue
            if await self._account(me, holding):
                continue
            if not await self._claim_next(me, holding):
                return

    async def _read_cursor(self, holding: Holding) -> None:
        await self._claiming.read_cursor(holding)
        if holding.bound:
            self._offline.remember(holding)

    async def _claim_once(self, me: Claimant, holding: Holding) -> bool:
        """A run that somebody asked for. True: something was done, look again."""
        entry = self._mirror.get(me.keys.once(holding.job_id))
        if entry is None or entry.value not in (b"", me.uuid.encode()):
            return False
        now = time.time()
        run_id = once_run_id(now, entry.create_revision, me.at(holding))
        txn, run = claims.claim_once(me, holding, entry, run_id, now)
        result = await self._claiming.claim(me, holding, txn)
        if result.succeeded:
            self._launch(holding, run, now, result.revision)
            await self._claiming.shows(txn, result)
        else:
            self._claiming.must_be_gone(entry)
        return True

    async def _claim_queued(self, me: Claimant, holding: Holding) -> bool:
        now = time.time()
        for queued, entry in self._queues.of(holding.job_id, me.name):
            if queued.not_before > now:
                self._timetable.set(holding.job_id, queued.not_before)
                continue
            under_way = self._runs.under_way(holding.job_id)
            full = holding.slots is not None and len(under_way) >= holding.slots
            instead = replaced_with(queued, under_way) if full else ""
            if full and not instead:
                running = named([active.run.run_id for active in under_way])
                holding.hindered(f"waited for {running}", now)
                return False  # looked at again at its end
            txn, run = claims.claim_queued(me, holding, queued, entry, now)
            result = await self._claiming.claim(me, holding, txn)
            if result.succeeded:
                self._launch(holding, run, now, result.revision)
                if instead:
                    reason = replaced_early(instead)
                    self._runs.stop(run.job_id, run.run_id, RunState.skipped, reason)
                await self._claiming.shows(txn, result)
            else:
                self._claiming.must_be_gone(entry)
            return True
        return False

    async def _account(self, me: Claimant, holding: Holding) -> bool:
        """Ticks that came due and were not claimed. True: something was done, look again."""
        now = time.time()
        missed = holding.missed(now)
        if missed is None:
            return False
        txn = claims.account(me, holding, missed, now)
        result = await self._claiming.claim(me, holding, txn)
        if result.succeeded:
            self._claimed(holding, missed.cursor, result.revision)
            if missed.gap is not None:
                self._metrics.ticks_missed(missed.gap.count)
            await self._claiming.shows(txn, result)  # what is queued comes before new ticks
        return True

    async def _claim_next(self, me: Claimant, holding: Holding) -> bool:
        """Claim the next tick if it is due within the second ahead, else set the timetable."""
        assert holding.cursor is not None
        tick = holding.schedule.next_after(holding.cursor)
        fires_at = holding.fires_at(tick)
        at = fires_at - self._claim_ahead
        now = time.time()
        if at > now:
            holding.clock = clock_offset()
            self._timetable.set(holding.job_id, at)
            return False
        txn, run = claims.claim_tick(me, holding, tick, now)
        # A job that can't run elsewhere is not kept waiting for an answer beyond its second.
        patience = max(fires_at - now, SHORTEST_WAIT) if holding.bound else None
        try:
            result = await self._claiming.claim(me, holding, txn, patience)
        except (StoreUnavailable, TimeoutError):
            if not holding.bound:
                raise
            if self._ours(holding):
                self._offline.begin(holding, tick)
            return True
        if result.succeeded:
            self._claimed(holding, tick, result.revision)
            self._launch(holding, run, fires_at, result.revision)
        return True

    def _claimed(self, holding: Holding, tick: int, revision: int) -> None:
        self._claiming.moved_to(holding, tick, revision)
        if holding.bound:
            self._offline.remember(holding)

    def _launch(self, holding: Holding, run: OpenRun, fires_at: float, claimed: int = 0) -> None:
        self._runs.launch(
            Start(
                run=run,
                assignment=holding.assignment(),
                fires_at=fires_at,
                previous_tick=holding.schedule.previous_before(run.tick),
                next_due=holding.next_due(run.tick, time.time()),
                way=holding.way(run, time.time()),
                claimed=claimed,
            )
        )

    def launch_stray(self, run: OpenRun) -> None:
        """A claim of ours that was made after we had looked it up, and that nobody runs."""
        me, holding = self._claimant(), self._holdings.get(run.job_id)
        if me is None or holding is None or holding.advancing or self._runs.has(run):
            return
        if run.incarnation == me.incarnation:
            log.warning("%s of %s was claimed after all", run.run_id, run.job_id)
            self._launch(holding, run, max(time.time(), holding.fires_at(run.tick)))
