"""How a run ended, told to etcd: at once, or from the spool when etcd is back. Never twice.

The spool is bounded. What etcd has open is kept, or it would stay open for ever (there are no more
of those than were claimed), and so is what is to be run again. Of the other runs that came about
without etcd, those that are no news go first, then other successes, then the rest; in each, the
newest. So the spool tells how it began. How many of a job's went is told as a gap.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crony_ops.daemon.logs import about
from crony_ops.errors import StoreError, StoreRefused
from crony_ops.model.run import RUN_ID, GapRecord, RunRecord
from crony_ops.node.cursor import bring_up
from crony_ops.node.report import Report, dropped_end, end_once
from crony_ops.store import Op, Txn, absent, delete
from crony_ops.store.endings import record_gap

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crony_ops.node.history import History
    from crony_ops.node.journal import Journal, Spooled
    from crony_ops.store import Batcher, Etcd
    from crony_ops.store.keys import Keys

log = logging.getLogger(__name__)

RETRY = 0.5
REFUSED_RETRY = 30.0
RELIST_EVERY = 20
PAGE = 100
"""Reports that are in memory at a time."""
MOST_TRIMMED = 40
"""Records that go with one end: etcd takes 128 operations in a transaction."""


@dataclass(slots=True)
class _Kept:
    """The run keys of one job that etcd holds, as far as we know."""

    ids: set[str]
    ends: int = 0


class Reports:
    """``keep``: how many run records of a job stay in etcd; ``keep_each``: of each node, for a job
    that runs on every node. ``spool_limit``: how many reports wait for etcd."""

    def __init__(
        self,
        etcd: Etcd,
        batcher: Batcher,
        keys: Keys,
        journal: Journal,
        history: History,
        *,
        keep: int,
        keep_each: int,
        spool_limit: int,
    ) -> None:
        self._etcd = etcd
        self._batcher = batcher
        self._keys = keys
        self._journal = journal
        self._history = history
        self._keep = keep
        self._keep_each = keep_each
        self._spool_limit = spool_limit
        self._forgotten_to = 0
        self._unsure = True
        self._one_asks = asyncio.Lock()
        self._kept: dict[str, _Kept] = {}
        self._spooled = asyncio.Event()
        self._together: list[Report] = []
        if journal.spool_size():
            self._spooled.set()

    async def send(self, report: Report) -> None:
        """Tell etcd, or leave the report on the disk for ``replay``: either way it is safe."""
        try:
            await self._tell(report)
        except StoreError as error:
            # An etcd that is away comes back; a full one, or a right that is missing, is mended by
            # people: the report stays until then.
            log.warning("%s is spooled: %s", report.record.run_id, error)
            self._unsure = True
            await self._put_by_with_others(report)

    async def _put_by_with_others(self, report: Report) -> None:
        """Where etcd fails, hundreds come here in one moment. A sync for each would keep the lease
        from being renewed."""
        together = self._together
        together.append(report)
        await asyncio.sleep(0)
        if together is self._together:  # the first to be back does it for all
            self._together = []
            with contextlib.suppress(sqlite3.Error):
                self._spool(together)
                self._spooled.set()
                together.clear()
        if together:
            await self.put_by(report)

    async def put_by(self, report: Report) -> None:
        """Leave a report on the disk for ``replay``."""
        while True:  # on a full disk the run stays with us until its end is safe
            try:
                self._spool([report])
            except sqlite3.Error as error:
                log.error("%s can't be spooled: %s", report.record.run_id, error)
                await asyncio.sleep(RETRY)
                with contextlib.suppress(StoreError):
                    return await self._tell(report)
            else:
                return self._spooled.set()

    async def _tell(self, report: Report) -> None:
        """Raises StoreError."""
        await self._send(report)
        if report.offline:
            with contextlib.suppress(sqlite3.Error):  # a next life calls it lost, to no effect
                self._journal.forget_offline_run(report.record.job_id, report.record.run_id)

    def _spool(self, reports: Iterable[Report]) -> None:
        """Raises sqlite3.Error."""
        with self._journal.together():
            for report in reports:
                record = report.record
                self._journal.spool(
                    report.to_json(), job_id=record.job_id, run_id=record.run_id, worth=report.worth
                )
        surplus = self._journal.spool_size() - self._spool_limit
        while surplus > 0 and (least := self._journal.least_worth()) is not None:
            surplus -= 1
            dropped = Report.read(f"report {least.seq} of the spool", least.report)
            if dropped is None:
                self._journal.unspool(least.seq)
                continue
            gap = self._with_one_more(dropped.record)
            self._journal.drop(
                least.seq,
                Report(record=gap, offline=True).to_json(),
                job_id=gap.job_id,
                run_id=gap.run_id,
            )

    def _with_one_more(self, record: RunRecord | GapRecord) -> GapRecord:
        """What is told of the dropped ends of the record's job, this one included."""
        assert isinstance(record, RunRecord)
        before = self._journal.dropped(record.job_id)
        if before is None:
            log.warning("the spool is full: ends of %s are dropped and counted", record.job_id)
            return dropped_end(record, None)
        told = Report.from_json(before.report).record
        assert isinstance(told, GapRecord)
        return dropped_end(record, told)

    def untold(self) -> set[tuple[str, str]]:
        """Job and run ids whose end stands in the spool: etcd has them open still."""
        return self._journal.untold()

    def forgotten(self) -> None:
        """Etcd is an older state of itself: it knows nothing of the runs whose ends are spooled."""
        self._forgotten_to = self._journal.newest_spooled()
        self._kept.clear()

    async def replay(self) -> None:
        """Tell etcd what is spooled, whenever there is something; for ever. Of a job in order, of
        many jobs together: after an outage thousands wait."""
        while True:
            await self._spooled.wait()
            self._spooled.clear()
            if await self._replay_all():
                await asyncio.sleep(REFUSED_RETRY)
                self._spooled.set()

    async def _replay_all(self) -> bool:
        """Whether some stay: etcd refused them, or the disk is too full to forget them."""
        stay, seq = 0, 0
        while page := self._journal.spooled(after=seq, most=PAGE):
            seq = page[-1].seq
            by_job: dict[str, list[Spooled]] = {}
            for spooled in page:
                by_job.setdefault(spooled.job_id, []).append(spooled)
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._replay_in_order(one)) for one in by_job.values()]
            stay += sum(task.result() for task in tasks)
        return stay > 0

    async def _replay_in_order(self, some: Iterable[Spooled]) -> int:
        """How many of them stay."""
        stay = 0
        for spooled in some:
            if not (await self._replay_one(spooled) and self._is_unspooled(spooled.seq)):
                stay += 1
        return stay

    def _is_unspooled(self, seq: int) -> bool:
        try:
            self._journal.unspool(seq)
        except sqlite3.Error as error:  # it is told again, and counts once
            log.warning("the journal can't be written: %s", error)
            return False
        return True

    async def _replay_one(self, spooled: Spooled) -> bool:
        """Whether it need not be kept any longer. What etcd refuses waits; it blocks no other."""
        report = Report.read(f"report {spooled.seq} of the spool", spooled.report)
        if report is None:
            return True
        with about(job=report.record.job_id, run=report.record.run_id):
            while True:
                try:
                    await self._be_sure()
                    unknown = report.offline or spooled.seq <= self._forgotten_to
                    await self._send(report.model_copy(update={"offline": unknown}))
                except StoreRefused as error:
                    log.warning("%s stays in the spool: %s", report.record.run_id, error)
                    return False
                except StoreError:
                    self._unsure = True
                    await asyncio.sleep(RETRY)
                else:
                    log.info("%s is reported from the spool", report.record.run_id)
                    return True

    async def _be_sure(self) -> None:
        """That etcd is the one that we know, once for all that wait for it. Raises StoreError."""
        async with self._one_asks:
            if self._unsure:
                await self._history.check()
                self._unsure = False

    async def _send(self, report: Report) -> None:
        record = report.record
        # A claim of such a run may be on its way still. Made after the end was told, it would stand
        # open as if nobody had run it, and be run.
        taken = self._journal.taken_offline(record.job_id) if report.offline else None
        if taken is not None:
            await bring_up(self._batcher, self._keys, record.node, record.job_id, taken)
        if isinstance(record, GapRecord):
            when = (absent(self._keys.run(record.job_id, record.run_id)),)
            await self._batcher.submit(Txn(when, tuple(record_gap(self._keys, record))))
            return
        oldest = await self._too_many(record)
        extra: list[Op] = [delete(self._keys.run(record.job_id, run_id)) for run_id in oldest]
        result = await self._batcher.submit(end_once(self._keys, report, record, extra))
        kept = self._kept.setdefault(record.job_id, _Kept(set()))
        kept.ids.difference_update(oldest)
        kept.ids.add(record.run_id)
        if not result.succeeded and not report.offline:
            log.info("%s had no open run any more", record.run_id)
            breaks = self._history.breaks
            await self._history.check()
            if self._history.breaks > breaks:  # it is one that never heard of the run
                await self._send(report.model_copy(update={"offline": True}))

    async def _too_many(self, record: RunRecord) -> list[str]:
        """The run ids to trim with this end. Listed now and then, for others write records, too. A
        stranger's key is no record: it would else be the newest for ever, and take a record's
        place."""
        at = record.run_id.partition("@")[2]
        kept = self._kept.get(record.job_id)
        if kept is None or kept.ends >= RELIST_EVERY:
            prefix = self._keys.runs_of(record.job_id)
            listed = await self._etcd.range(prefix, keys_only=True)
            tails = (entry.key[len(prefix) :] for entry in listed.entries)
            ids = (tail for tail in tails if RUN_ID.fullmatch(tail))
            kept = _Kept({run_id for run_id in ids if run_id.partition("@")[2] == at})
            self._kept[record.job_id] = kept
        kept.ends += 1
        others = sorted(kept.ids - {record.run_id})
        surplus = len(others) + 1 - (self._keep_each if at else self._keep)
        return others[: max(0, min(surplus, MOST_TRIMMED))]

    def forget(self, job_id: str) -> None:
        """The job is not ours any more: others will write its records."""
        self._kept.pop(job_id, None)
