"""How a run ended, told to etcd: at once, or from the spool when etcd is back. Never twice."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import Field

from crony_ops.errors import StoreError, StoreRefused
from crony_ops.model.record import Record
from crony_ops.model.run import GapRecord, QueuedRun, RunRecord
from crony_ops.store import Op, Txn, absent, delete, exists, put, value_is
from crony_ops.store.endings import end_run, news_of, record_gap

if TYPE_CHECKING:
    from crony_ops.node.journal import Journal
    from crony_ops.store import Batcher, Etcd
    from crony_ops.store.keys import Keys

log = logging.getLogger(__name__)

RETRY = 0.5
REFUSED_RETRY = 30.0
RELIST_EVERY = 20
MOST_TRIMMED = 40
"""Records that go with one end: etcd takes 128 operations in a transaction."""


class Report(Record):
    """An end, or a gap, to tell. ``offline``: it came about without etcd, which knows nothing."""

    record: RunRecord | GapRecord = Field(union_mode="left_to_right")
    news: bool = True
    rerun: QueuedRun | None = None
    offline: bool = False


@dataclass(slots=True)
class _Kept:
    """The run keys of one job that etcd holds, as far as we know."""

    ids: set[str]
    ends: int = 0


class Reports:
    """``keep``: how many run records of a job stay in etcd; ``keep_each``: of each node, for a job
    that runs on every node."""

    def __init__(
        self,
        etcd: Etcd,
        batcher: Batcher,
        keys: Keys,
        journal: Journal,
        *,
        keep: int,
        keep_each: int,
    ) -> None:
        self._etcd = etcd
        self._batcher = batcher
        self._keys = keys
        self._journal = journal
        self._keep = keep
        self._keep_each = keep_each
        self._kept: dict[str, _Kept] = {}
        self._spooled = asyncio.Event()
        if journal.spooled():
            self._spooled.set()

    async def send(self, report: Report) -> None:
        """Tell etcd, or leave the report on the disk for ``replay``: either way it is safe."""
        try:
            await self._send(report)
        except StoreError as error:
            # An etcd that is away comes back; a full one, or a right that is missing, is mended by
            # people: the report stays until then.
            log.warning("%s is spooled: %s", report.record.run_id, error)
            await self.put_by(report)

    async def put_by(self, report: Report) -> None:
        """Leave a report on the disk for ``replay``."""
        while True:  # on a full disk the run stays with us until its end is safe
            try:
                self._journal.spool(report.to_json())
            except sqlite3.Error as error:
                log.error("%s can't be spooled: %s", report.record.run_id, error)
                await asyncio.sleep(RETRY)
                with contextlib.suppress(StoreError):
                    return await self._send(report)
            else:
                return self._spooled.set()

    def untold(self) -> set[tuple[str, str]]:
        """Job and run ids whose end stands in the spool: etcd has them open still."""
        found = set()
        for _, kept in self._journal.spooled():
            with contextlib.suppress(ValueError):
                record = Report.from_json(kept).record
                found.add((record.job_id, record.run_id))
        return found

    async def replay(self) -> None:
        """Tell etcd what is spooled, in order, whenever there is something; for ever."""
        while True:
            await self._spooled.wait()
            self._spooled.clear()
            refused = False
            for seq, kept in self._journal.spooled():
                if await self._replay_one(kept):
                    self._journal.unspool(seq)
                else:
                    refused = True
            if refused:
                await asyncio.sleep(REFUSED_RETRY)
                self._spooled.set()

    async def _replay_one(self, kept: bytes) -> bool:
        """Whether it need not be kept any longer. What etcd refuses waits; it blocks no other."""
        try:
            report = Report.from_json(kept)
        except ValueError as error:
            log.error("a spooled report can't be read, and is dropped: %s", error)
            return True
        while True:
            try:
                await self._send(report)
            except StoreRefused as error:
                log.warning("%s stays in the spool: %s", report.record.run_id, error)
                return False
            except StoreError:
                await asyncio.sleep(RETRY)
            else:
                log.info("%s is reported from the spool", report.record.run_id)
                return True

    async def _send(self, report: Report) -> None:
        record = report.record
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
        if not result.succeeded:
            log.info("%s had no open run any more", record.run_id)

    async def _too_many(self, record: RunRecord) -> list[str]:
        """The run ids to trim with this end. Counted in memory, listed now and then: the leader
        and earlier owners write records too."""
        at = record.run_id.partition("@")[2]
        kept = self._kept.get(record.job_id)
        if kept is None or kept.ends >= RELIST_EVERY:
            prefix = self._keys.runs_of(record.job_id)
            listed = await self._etcd.range(prefix, keys_only=True)
            ids = (entry.key[len(prefix) :] for entry in listed.entries)
            kept = _Kept({run_id for run_id in ids if run_id.partition("@")[2] == at})
            self._kept[record.job_id] = kept
        kept.ends += 1
        others = sorted(kept.ids - {record.run_id})
        keep = self._keep_each if at else self._keep
        surplus = len(others) + 1 - keep
        return others[: max(0, min(surplus, MOST_TRIMMED))]

    def forget(self, job_id: str) -> None:
        """The job is not ours any more: others will write its records."""
        self._kept.pop(job_id, None)


def end_once(keys: Keys, report: Report, record: RunRecord, extra: list[Op]) -> Txn:
    """The end of a run, right however often it is told.

    If the run is open, it is ended. If the leader has called it lost meanwhile, the truth takes
    that record's place, as long as the record is still there. If this very record stands already,
    an answer was lost on the way, and there is nothing left to do.
    """
    run_key = keys.run(record.job_id, record.run_id)
    truth = [put(run_key, record.to_json())]
    if report.news:
        truth.append(put(keys.news(record.job_id, record.run_id), news_of(record).to_json()))
    condition = absent(run_key) if report.offline else exists(run_key)
    overrule = Txn((condition,), tuple(truth))
    told = Txn((value_is(run_key, record.to_json()),), (), (overrule,))
    ended = end_run(keys, record, news=report.news, rerun=report.rerun)
    return Txn(
        (exists(keys.open(record.node, record.job_id, record.run_id)),),
        (*ended, *extra),
        (told, *extra),
    )
