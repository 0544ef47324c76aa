"""The spool is bounded: what goes first is said, what went is counted, the rest is all there."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crony_ops.errors import StoreUnavailable
from crony_ops.model.run import GapRecord, QueuedRun, RunRecord, RunState, rerun_id, tick_run_id
from crony_ops.node import reports as reports_module
from crony_ops.node.journal import Journal, Worth
from crony_ops.node.report import Report, dropped_end
from crony_ops.node.reports import Reports
from crony_ops.store.keys import Keys

if TYPE_CHECKING:
    from crony_ops.store import Txn

LIMIT = 10
AGAIN = QueuedRun(run_id=rerun_id(1, 1), tick=1, reason="x", rerun=1)


class Away:
    """An etcd, and a batcher, that can't be reached."""

    async def range(self, _prefix: str, **_options: object) -> None:
        raise StoreUnavailable(endpoints="etcd", reason="away")

    async def submit(self, _txn: Txn) -> None:
        raise StoreUnavailable(endpoints="etcd", reason="away")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path)
    yield journal
    journal.close()


def reports_of(journal: Journal) -> Reports:
    away = cast("Any", Away())
    return Reports(away, away, Keys(), journal, away, keep=10, keep_each=3, spool_limit=LIMIT)


def ended(
    tick: int, state: RunState = RunState.succeeded, job_id: str = "j", **fields: Any
) -> Report:
    record = RunRecord(
        run_id=tick_run_id(tick),
        job_id=job_id,
        tick=tick,
        state=state,
        node="u",
        node_name="n",
        ended_at=tick + 1.0,
    )
    return Report(record=record, **{"news": False, "offline": True, **fields})


def spooled(journal: Journal) -> list[Report]:
    return [Report.from_json(kept.report) for kept in journal.spooled(most=10**6)]


def gap_of(journal: Journal, job_id: str = "j") -> GapRecord:
    (gap,) = (
        report.record
        for report in spooled(journal)
        if isinstance(report.record, GapRecord) and report.record.job_id == job_id
    )
    return gap


@pytest.mark.parametrize(
    ("report", "worth"),
    [
        (ended(1), Worth.NO_NEWS),
        (ended(1, RunState.skipped), Worth.NO_NEWS),
        (ended(1, news=True), Worth.GOOD_NEWS),
        (ended(1, RunState.failed, news=True), Worth.BAD_NEWS),
        (ended(1, RunState.lost, news=True), Worth.BAD_NEWS),
        (ended(1, offline=False), Worth.KEPT),
        (ended(1, RunState.lost, rerun=AGAIN), Worth.KEPT),
        (Report(record=dropped_end(cast("RunRecord", ended(1).record), None)), Worth.KEPT),
    ],
)
def test_what_is_no_news_is_worth_least_and_what_etcd_has_open_is_kept(
    report: Report, worth: Worth
) -> None:
    assert report.worth is worth


async def test_a_full_spool_drops_its_newest_successes_and_counts_them(journal: Journal) -> None:
    reports = reports_of(journal)
    failed = ended(7, RunState.failed, news=True)
    for tick in range(1, 26):
        await reports.send(failed if tick == 7 else ended(tick))
    told = spooled(journal)
    ticks = [report.record.tick for report in told if isinstance(report.record, RunRecord)]
    assert 7 in ticks
    assert ticks == list(range(1, len(ticks) + 1)), "the oldest are all there"
    gap = gap_of(journal)
    assert len(ticks) + gap.count == 25
    assert (gap.first, gap.last) == (ticks[-1] + 1, 25)
    assert "the spool was full" in gap.reason


async def test_what_etcd_has_open_is_never_dropped(journal: Journal) -> None:
    reports = reports_of(journal)
    for tick in range(1, 3 * LIMIT):
        await reports.send(ended(tick, offline=False))
    assert len(spooled(journal)) == 3 * LIMIT - 1
    assert reports.untold() == {("j", tick_run_id(tick)) for tick in range(1, 3 * LIMIT)}


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["j", "k"]),
            st.sampled_from([RunState.succeeded, RunState.failed, RunState.skipped]),
            st.booleans(),
        ),
        max_size=40,
    )
)
async def test_each_end_is_spooled_or_counted(
    tmp_path_factory: pytest.TempPathFactory, ends: list[tuple[str, RunState, bool]]
) -> None:
    journal = Journal(tmp_path_factory.mktemp("state"))
    reports = reports_of(journal)
    for tick, (job_id, state, offline) in enumerate(ends):
        news = state is RunState.failed
        await reports.send(ended(tick, state, job_id, news=news, offline=offline))
    kept, dropped = Counter[str](), Counter[str]()
    for report in spooled(journal):
        if isinstance(report.record, GapRecord):
            assert dropped[report.record.job_id] == 0, "one gap of a job"
            dropped[report.record.job_id] = report.record.count
        else:
            kept[report.record.job_id] += 1
    assert kept + dropped == Counter(job_id for job_id, _, _ in ends)
    assert sum(kept.values()) <= max(LIMIT, sum(not offline for _, _, offline in ends) + 1)
    journal.close()


async def test_ends_that_can_not_be_told_in_the_same_moment_are_synced_together(
    journal: Journal,
) -> None:
    reports, statements = reports_of(journal), list[str]()
    journal._db.set_trace_callback(statements.append)  # noqa: SLF001
    await asyncio.gather(*(reports.send(ended(tick, offline=False)) for tick in range(200)))
    assert statements.count("COMMIT") == 1
    assert [report.record.run_id for report in spooled(journal)] == [
        tick_run_id(tick) for tick in range(200)
    ]


async def test_each_of_them_is_kept_until_the_disk_takes_it(
    journal: Journal,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(reports_module, "RETRY", 0.01)
    reports = reports_of(journal)
    full = "CREATE TRIGGER full BEFORE INSERT ON spool BEGIN SELECT RAISE(ABORT, 'full'); END"
    with closing(sqlite3.connect(tmp_path / "journal.db", isolation_level=None)) as disk:
        disk.execute(full)
        sends = [asyncio.ensure_future(reports.send(ended(t, offline=False))) for t in range(20)]
        async with asyncio.timeout(20):
            while caplog.text.count("can't be spooled") < 20:  # noqa: ASYNC110 (no event tells)
                await asyncio.sleep(0.01)
        assert not any(send.done() for send in sends)
        disk.execute("DROP TRIGGER full")
    await asyncio.gather(*sends)
    told = sorted(report.record.run_id for report in spooled(journal))
    assert told == [tick_run_id(tick) for tick in range(20)]


def test_the_gap_of_a_job_on_every_node_bears_the_nodes_name() -> None:
    record = cast("RunRecord", ended(60).record)
    gap = dropped_end(record.model_copy(update={"run_id": tick_run_id(60, "n")}), None)
    assert gap.run_id.endswith("-m@n")


async def test_what_cant_be_read_goes_without_being_counted(journal: Journal) -> None:
    reports = reports_of(journal)
    for n in range(LIMIT + 1):
        journal.spool(b"no JSON", job_id="j", run_id=f"{n}", worth=Worth.NO_NEWS)
    await reports.send(ended(60, RunState.failed, news=True))
    assert journal.spool_size() == LIMIT
    assert Report.from_json(journal.spooled()[-1].report).record.job_id == "j"
