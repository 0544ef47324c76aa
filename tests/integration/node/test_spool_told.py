"""What waited on the disk is told when etcd is back, and so is how much of it had to go."""

from __future__ import annotations

import asyncio
import sqlite3
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from crony_ops.local.waiting import wait_until
from crony_ops.model.run import GapRecord, News, RunRecord, RunState, read_run, tick_run_id
from crony_ops.node import reports as reports_module
from crony_ops.node.history import History
from crony_ops.node.journal import Journal
from crony_ops.node.report import Report
from crony_ops.node.reports import Reports
from crony_ops.store import Batcher, Etcd
from tests.faults.proof.proxy import Link
from tests.integration.store.conftest import running

if TYPE_CHECKING:
    import pytest

    from crony_ops.store import EtcdSettings
    from crony_ops.store.keys import Keys

LIMIT, ENDS = 20, 150


def ended(tick: int, job_id: str = "j") -> Report:
    record = RunRecord(
        run_id=tick_run_id(tick),
        job_id=job_id,
        tick=tick,
        state=RunState.succeeded,
        node="u",
        node_name="n",
        ended_at=tick + 1.0,
    )
    return Report(record=record, news=False, offline=True)


async def test_each_end_is_told_or_counted_in_a_gap(etcd: Etcd, keys: Keys, tmp_path: Path) -> None:
    journal, batcher = Journal(tmp_path), Batcher(etcd)
    history = History(etcd, keys, journal, lambda: None)
    reports = Reports(
        etcd, batcher, keys, journal, history, keep=1000, keep_each=1000, spool_limit=LIMIT
    )
    for tick in range(1, ENDS + 1):
        await reports.put_by(ended(tick))
    async with running(batcher.run()), running(reports.replay()):
        await wait_until(lambda: journal.spool_size() == 0, "all is told")
    told = [read_run(entry.value) for entry in (await etcd.range(keys.runs_of("j"))).entries]
    ran = [record.tick for record in told if isinstance(record, RunRecord)]
    (gap,) = (record for record in told if isinstance(record, GapRecord))
    assert ran == list(range(1, len(ran) + 1))
    assert (gap.first, gap.last, gap.count) == (len(ran) + 1, ENDS, ENDS - len(ran))
    (news,) = (await etcd.range(keys.all_news)).entries
    assert News.from_json(news.value).count == gap.count
    journal.close()


async def test_an_end_that_was_told_and_can_not_be_forgotten_yet_counts_once(
    etcd: Etcd, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is full can't even be written to forget something."""
    monkeypatch.setattr(reports_module, "REFUSED_RETRY", 0.1)
    journal, batcher = Journal(tmp_path), Batcher(etcd)
    history = History(etcd, keys, journal, lambda: None)
    reports = Reports(
        etcd, batcher, keys, journal, history, keep=1000, keep_each=1000, spool_limit=LIMIT
    )
    for tick in (1, 2):
        await reports.put_by(ended(tick))
    disk = sqlite3.connect(tmp_path / "journal.db", isolation_level=None)
    full = "CREATE TRIGGER full BEFORE DELETE ON spool BEGIN SELECT RAISE(ABORT, 'full'); END"
    disk.execute(full)

    async def told() -> bool:
        return await etcd.count(keys.runs_of("j")) == 2

    async with running(batcher.run()), running(reports.replay()):
        await wait_until(told, "both are told")
        assert journal.spool_size() == 2
        disk.execute("DROP TRIGGER full")
        await wait_until(lambda: journal.spool_size() == 0, "both are forgotten")
    assert await told()
    disk.close()
    journal.close()


async def test_ends_of_many_jobs_are_told_together_over_a_slow_link(
    etcd: Etcd, store_settings: EtcdSettings, keys: Keys, tmp_path: Path
) -> None:
    journal = Journal(tmp_path)
    jobs = [f"j{number}" for number in range(200)]
    async with (
        Link("n>etcd", int(store_settings.endpoints[0].rpartition(":")[2])) as link,
        Etcd(store_settings.model_copy(update={"endpoints": (f"127.0.0.1:{link.port}",)})) as own,
    ):
        batcher = Batcher(own)
        history = History(own, keys, journal, lambda: None)
        reports = Reports(
            own, batcher, keys, journal, history, keep=10, keep_each=3, spool_limit=1000
        )
        for tick, job_id in product((60, 120), jobs):
            await reports.put_by(ended(tick, job_id))
        link.slow_down(0.1)
        async with running(batcher.run()), running(reports.replay()):
            # One by one, 400 ends would take as many times three answers: four minutes.
            await wait_until(lambda: journal.spool_size() == 0, "all is told", timeout=30)
    assert await etcd.count(keys.runs) == 400
    journal.close()


async def test_an_end_that_is_told_at_once_costs_the_disk_nothing(
    etcd: Etcd, keys: Keys, tmp_path: Path
) -> None:
    journal, batcher = Journal(tmp_path), Batcher(etcd)
    history = History(etcd, keys, journal, lambda: None)
    await history.check()
    reports = Reports(
        etcd, batcher, keys, journal, history, keep=10, keep_each=3, spool_limit=LIMIT
    )
    wal = tmp_path / "journal.db-wal"
    before = wal.stat().st_size
    async with running(batcher.run()):
        await asyncio.gather(*(reports.send(ended(tick)) for tick in range(60, 70)))
    assert wal.stat().st_size == before
    assert await etcd.count(keys.runs_of("j")) == 10
    journal.close()
