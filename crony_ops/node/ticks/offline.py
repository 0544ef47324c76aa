"""Through an outage of etcd: jobs that can't run elsewhere go on by what was last known of them.

Only *unavailable* counts as an outage: a refused claim is not run. What was claimed meanwhile is in
the journal before it starts, and goes into the cursors before anything is claimed online again.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from typing import TYPE_CHECKING

from crony_ops.errors import OutcomeUnknown, StoreError, StoreUnavailable, first_cause
from crony_ops.model.run import GapRecord, OpenRun, gap_id, tick_run_id
from crony_ops.node.cursor import bring_up
from crony_ops.node.journal import Pinned
from crony_ops.node.report import Report
from crony_ops.node.runs.active_run import Start

if TYPE_CHECKING:
    from collections.abc import Callable

    from crony_ops.node.journal import Journal
    from crony_ops.node.metrics import NodeMetrics
    from crony_ops.node.reports import Reports
    from crony_ops.node.runs.under_way import Runs
    from crony_ops.node.ticks.claims import Claimant
    from crony_ops.node.ticks.holding import Holding
    from crony_ops.node.ticks.timetable import Timetable
    from crony_ops.schedule import Gap
    from crony_ops.store import Batcher, Etcd

log = logging.getLogger(__name__)

LONGEST_OUTAGE = 86_400.0
"""Seconds after which what was last known is too old to go by."""
CONTACT_NOTED_EVERY = 60.0
PROBE = 0.5
PATIENCE = 1.0


class Offline:
    """``on``: etcd is away, and the pinned jobs are in the journal's hands."""

    def __init__(
        self,
        etcd: Etcd,
        batcher: Batcher,
        journal: Journal,
        runs: Runs,
        reports: Reports,
        timetable: Timetable,
        metrics: NodeMetrics,
        *,
        me: Claimant,
        claimant: Callable[[], Claimant | None],
        claim_ahead: float,
        on_change: Callable[[], None],
    ) -> None:
        self._etcd = etcd
        self._batcher = batcher
        self._journal = journal
        self._runs = runs
        self._reports = reports
        self._timetable = timetable
        self._metrics = metrics
        self._me = me
        self._claimant = claimant
        self._claim_ahead = claim_ahead
        self._on_change = on_change
        self._last_contact = journal.last_contact() or time.time()
        self._taken = journal.offline()
        # What an earlier life claimed without etcd is settled before anything is claimed with it.
        self.on = bool(self._taken)

    async def run(self) -> None:
        """Find out whether etcd is away, and settle when it is back; until cancelled."""
        while True:
            if self._claimant() is not None:
                self._note_contact(time.time())
                if self.on:
                    await self._come_back()
            elif not self.on and await self._is_away():
                log.warning("etcd is away: pinned jobs go on by the journal")
                self._switch(on=True)
            await asyncio.sleep(PROBE)

    def _note_contact(self, now: float) -> None:
        if now - self._last_contact >= CONTACT_NOTED_EVERY or now < self._last_contact:
            self._last_contact = now
            try:
                self._journal.note_contact(now)
            except sqlite3.Error as error:
                log.warning("the journal can't be written: %s", error)

    def begin(self, holding: Holding, tick: int) -> None:
        """A claim got no answer until its second: the tick is taken without one.

        Should it have been made after all, it made this very run: the run's end finds it open, and
        is told when nothing can be made of it any more.
        """
        if not self._skip_taken(holding, tick):
            self._claim(holding, tick, time.time())
        if not self.on:
            log.warning("etcd does not answer: pinned jobs go on by the journal")
            self._switch(on=True)

    def remember(self, holding: Holding) -> None:
        """Keep what it takes to go on with a pinned job."""
        pinned = Pinned(
            job_id=holding.job_id,
            key=holding.key,
            value=holding.value,
            revision=holding.revision,
            cursor=holding.cursor,
            cursor_revision=holding.cursor_revision,
        )
        try:
            self._journal.remember_pinned(pinned)
        except sqlite3.Error as error:  # only an outage would miss it
            log.warning("the journal can't be written: %s", error)

    def forget(self, job_id: str) -> None:
        try:
            self._journal.forget_pinned(job_id)
        except sqlite3.Error as error:  # the next start finds that it is withdrawn
            log.warning("the journal can't be written: %s", error)

    async def advance(self, holding: Holding) -> bool:
        """As online, but the journal stands for etcd. True: something was done, look again."""
        now = time.time()
        if holding.cursor is None or now - self._last_contact > LONGEST_OUTAGE:
            return False
        if self._skip_taken(holding, holding.cursor + 1):
            return True
        if (missed := holding.missed(now)) is not None:
            if missed.gap is not None:
                self._metrics.ticks_missed(missed.gap.count)
                await self._reports.put_by(
                    Report(record=self._gap(holding, missed.gap, now), offline=True)
                )
            for late in missed.make_up:
                self._claim(holding, late, now)
            self._journal.pass_offline(holding.job_id, missed.cursor)
            holding.cursor = self._taken[holding.job_id] = missed.cursor
            return True
        tick = holding.schedule.next_after(holding.cursor)
        at = holding.fires_at(tick) - self._claim_ahead
        if at > now:
            self._timetable.set(holding.job_id, at)
            return False
        self._claim(holding, tick, now)
        return True

    def _skip_taken(self, holding: Holding, tick: int) -> bool:
        """Whether it was taken under an earlier assignment. Then the cursor of this one, which
        etcd told before, goes beyond it."""
        taken = self._taken.get(holding.job_id, 0)
        if tick <= taken:
            holding.cursor = taken
        return tick <= taken

    def _gap(self, holding: Holding, gap: Gap, now: float) -> GapRecord:
        return GapRecord(
            type="gap",
            run_id=gap_id(gap.last, self._me.at(holding)),
            job_id=holding.job_id,
            first=gap.first,
            last=gap.last,
            count=gap.count,
            reason="this node was not there to run it",
            node=self._me.uuid,
            node_name=self._me.name,
            at=now,
        )

    def _claim(self, holding: Holding, tick: int, now: float) -> None:
        run = OpenRun(
            run_id=tick_run_id(tick, self._me.at(holding)),
            job_id=holding.job_id,
            tick=tick,
            node=self._me.uuid,
            incarnation=self._me.incarnation,
            epoch=holding.revision,
            on_node_loss_rerun=holding.job.rerun,
            bound=True,
            claimed_at=now,
            reason="claimed while etcd was away",
        )
        self._journal.claim_offline(holding.job_id, tick, run_id=run.run_id, run=run.to_json())
        holding.cursor = self._taken[holding.job_id] = tick
        self._runs.launch(
            Start(
                run=run,
                assignment=holding.assignment(),
                fires_at=holding.fires_at(tick),
                previous_tick=holding.schedule.previous_before(tick),
                next_due=holding.next_due(tick, now),
                way=holding.way(run, now),
                offline=True,
            )
        )

    async def _is_away(self) -> bool:
        try:
            async with asyncio.timeout(PATIENCE):
                await self._etcd.head()
        except (StoreUnavailable, OutcomeUnknown, TimeoutError):
            return True
        except StoreError as error:
            log.warning("etcd answers, but: %s", error)
        return False

    async def _come_back(self) -> None:
        """Bring the cursors up to what was run meanwhile, then go on with etcd."""
        settled = False
        try:
            # Nothing may be taken between the last look at the journal and the switch.
            while taken := self._journal.offline():
                pinned = {known.job_id for known in self._journal.pinned()}
                # Together: in turn they would never be through before the next second's ticks.
                async with asyncio.TaskGroup() as group:
                    for job_id, tick in taken.items():
                        group.create_task(self._settle(job_id, tick, pinned=job_id in pinned))
            settled = True
        except* (StoreError, sqlite3.Error) as errors:
            log.info("not settled yet: %s", first_cause(errors))
        if settled:
            log.warning("etcd is back")
            self._switch(on=False)

    async def _settle(self, job_id: str, tick: int, *, pinned: bool) -> None:
        if pinned:
            await bring_up(self._batcher, self._me.keys, self._me.uuid, job_id, tick)
        self._journal.settle_offline(job_id, tick)
        if self._taken.get(job_id) == tick:
            del self._taken[job_id]

    def _switch(self, *, on: bool) -> None:
        self.on = on
        self._on_change()
