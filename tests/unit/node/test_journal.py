"""What the agent must not forget when it dies, in a real file."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import cast

import pytest

from crony_ops.errors import BadConfig, StateFolderInUse
from crony_ops.node.journal import Journal, Pinned, Spooled, Worth


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path)
    yield journal
    journal.close()


def keep(
    journal: Journal,
    report: bytes,
    job_id: str = "j",
    run_id: str = "1",
    worth: Worth = Worth.KEPT,
) -> int:
    return journal.spool(report, job_id=job_id, run_id=run_id, worth=worth)


def test_a_folder_has_one_agent_at_a_time(tmp_path: Path) -> None:
    first = Journal(tmp_path)
    with pytest.raises(StateFolderInUse, match=str(tmp_path)):
        Journal(tmp_path)
    first.close()
    Journal(tmp_path).close()


def test_the_spool_keeps_reports_in_order_until_they_are_told(journal: Journal) -> None:
    first, second = keep(journal, b"one"), keep(journal, b"two")
    assert journal.spooled() == [Spooled(first, "j", b"one"), Spooled(second, "j", b"two")]
    journal.unspool(first)
    assert journal.spooled() == [Spooled(second, "j", b"two")]
    assert keep(journal, b"three") > second


def test_the_spool_is_read_page_by_page(journal: Journal) -> None:
    seqs = [keep(journal, b"%d" % n) for n in range(5)]
    read, after = [], 0
    while page := journal.spooled(after=after, most=2):
        assert len(page) <= 2
        after = page[-1].seq
        read += [spooled.seq for spooled in page]
    assert read == seqs


def test_what_is_spooled_is_known_without_reading_it(journal: Journal) -> None:
    keep(journal, b"no JSON at all", job_id="j", run_id="1")
    assert journal.untold() == {("j", "1")}
    assert journal.spool_size() == 1


def test_of_the_least_worth_the_newest_goes_first_and_what_is_kept_never(journal: Journal) -> None:
    keep(journal, b"kept", worth=Worth.KEPT)
    keep(journal, b"bad", worth=Worth.BAD_NEWS)
    keep(journal, b"old", worth=Worth.NO_NEWS)
    keep(journal, b"good", worth=Worth.GOOD_NEWS)
    keep(journal, b"new", worth=Worth.NO_NEWS)
    went = []
    while (least := journal.least_worth()) is not None:
        went.append(least.report)
        journal.drop(least.seq, b"%d are gone" % len(went), job_id="j", run_id="m")
    assert went == [b"new", b"old", b"good", b"bad"]
    assert [spooled.report for spooled in journal.spooled()] == [b"kept", b"4 are gone"]


OLDER = """
CREATE TABLE spool (seq INTEGER PRIMARY KEY AUTOINCREMENT, report BLOB NOT NULL);
"""


def test_the_spool_of_an_older_agent_is_taken_over(tmp_path: Path) -> None:
    older = sqlite3.connect(tmp_path / "journal.db")
    older.executescript(OLDER)
    reports = (b'{"record":{"job_id":"j","run_id":"1"}}', b"no JSON")
    older.executemany("INSERT INTO spool (report) VALUES (?)", [(r,) for r in reports])
    older.commit()
    older.close()
    for _ in range(2):
        journal = Journal(tmp_path)
        assert tuple(spooled.report for spooled in journal.spooled()) == reports
        assert journal.untold() == {("j", "1"), ("", "")}
        assert journal.least_worth() is None
        journal.close()


def test_what_etcd_was_is_remembered(journal: Journal) -> None:
    assert journal.history() is None
    journal.note_history("x", 1, 5)
    journal.note_history("y", 2**64 - 1, 6)
    assert journal.history() == ("y", 2**64 - 1, 6)


def test_the_tick_of_each_job_that_was_claimed_last_is_remembered(journal: Journal) -> None:
    for job_id, tick in [("j", 5), ("k", 1), ("j", 3), ("k", 2)]:
        journal.note_high_water(job_id, tick)
    assert journal.high_water() == {"j": 3, "k": 2}
    journal.forget_high_water_beyond(2)
    assert journal.high_water() == {"k": 2}


def test_the_last_leases_are_remembered_oldest_first(journal: Journal) -> None:
    for lease in range(1, 8):
        journal.add_lease(lease)
    assert journal.leases() == [4, 5, 6, 7]


def test_a_pinned_job_is_remembered_as_last_told(journal: Journal) -> None:
    pinned = Pinned("j", "/crony/job/u/j", b"{}", 7, None, 0)
    journal.remember_pinned(pinned)
    known = Pinned("j", "/crony/job/u/j", b"{1}", 8, 60, 9)
    journal.remember_pinned(known)
    assert journal.pinned() == [known]
    journal.forget_pinned("j")
    assert journal.pinned() == []


def test_the_last_contact_is_remembered(journal: Journal) -> None:
    assert journal.last_contact() is None
    journal.note_contact(1.5)
    journal.note_contact(2.5)
    assert journal.last_contact() == 2.5


def test_a_tick_claimed_offline_stands_until_it_is_settled(journal: Journal) -> None:
    journal.claim_offline("j", 60, run_id="1", run=b"one")
    journal.pass_offline("j", 120)
    assert journal.offline() == {"j": 120}
    journal.settle_offline("j", 10**10)
    assert journal.offline() == {}


def test_a_run_claimed_offline_is_known_until_its_end_is_spooled_or_told(journal: Journal) -> None:
    for job_id, run_id in (("j", "1"), ("j", "2"), ("k", "1")):
        journal.claim_offline(job_id, 60, run_id=run_id, run=f"{job_id}{run_id}".encode())
    journal.settle_offline("j", 60)
    assert sorted(journal.offline_runs()) == [b"j1", b"j2", b"k1"]
    keep(journal, b"its end", job_id="j", run_id="1")
    assert sorted(journal.offline_runs()) == [b"j2", b"k1"]
    journal.forget_offline_run("k", "1")
    assert journal.offline_runs() == [b"j2"]


def test_a_failed_write_leaves_nothing_behind(journal: Journal) -> None:
    keep(journal, b"one", job_id="j", run_id="1")
    (spooled,) = journal.spooled()
    with pytest.raises(sqlite3.Error):
        journal.drop(spooled.seq, cast("bytes", object()), job_id="j", run_id="1")
    assert [spooled.report for spooled in journal.spooled()] == [b"one"]
    journal.note_high_water("j", 1)


DYING = """
import os, signal, sys
from pathlib import Path
from typing import cast
from crony_ops.node.journal import Journal, Worth
journal = Journal(Path(sys.argv[1]))
journal.spool(b"one", job_id="j", run_id="1", worth=Worth.KEPT)
journal.claim_offline("j", 60, run_id="2", run=b"two")
journal.add_lease(5)
journal.note_high_water("j", 60)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_agent_forgets_nothing_and_leaves_no_lock(tmp_path: Path) -> None:
    died = subprocess.run([sys.executable, "-c", DYING, str(tmp_path)], check=False, timeout=30)
    assert died.returncode == -signal.SIGKILL
    journal = Journal(tmp_path)
    assert [spooled.report for spooled in journal.spooled()] == [b"one"]
    assert journal.offline() == {"j": 60}
    assert journal.offline_runs() == [b"two"]
    assert journal.leases() == [5]
    assert journal.high_water() == {"j": 60}
    journal.close()


def test_settling_an_offline_tick_keeps_one_that_was_taken_meanwhile(journal: Journal) -> None:
    journal.pass_offline("j", 60)
    journal.pass_offline("j", 70)
    journal.settle_offline("j", 60)
    assert journal.offline() == {"j": 70}
    journal.settle_offline("j", 70)
    assert journal.offline() == {}


def test_a_next_life_without_etcd_goes_on_behind_what_was_settled(journal: Journal) -> None:
    for job_id, cursor in (("behind", 50), ("ahead", 90), ("unknown", None)):
        journal.remember_pinned(Pinned(job_id, "/crony/job/u/j", b"{}", 7, cursor, 9))
        journal.claim_offline(job_id, 60, run_id="1", run=b"one")
        journal.settle_offline(job_id, 60)
    assert {known.job_id: known.cursor for known in journal.pinned()} == {
        "behind": 60,
        "ahead": 90,
        "unknown": None,
    }


def test_a_folder_that_is_no_use_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadConfig, match="no state_dir to be used"):
        Journal(tmp_path / "file" / "state")


def test_a_journal_that_is_none_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_text("notes, and none of SQLite's")
    with pytest.raises(BadConfig, match=r"journal\.db: no journal .*not a database; set it aside"):
        Journal(tmp_path)


@pytest.mark.parametrize("table", ["lease", "spool", "spool_run", "high_water", "pinned"])
def test_a_journal_with_a_damaged_page_is_told_before_anything_is_read(
    tmp_path: Path, table: str
) -> None:
    path = tmp_path / "journal.db"
    journal = Journal(tmp_path)
    for n in range(200):
        keep(journal, b"report", run_id=str(n))
    journal.close()
    with closing(sqlite3.connect(path)) as db:
        ((size,),) = db.execute("PRAGMA page_size")
        ((root,),) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,))
    with path.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xff" * size)
    with pytest.raises(BadConfig, match=r"journal\.db: no journal .*; set it aside"):
        Journal(tmp_path)
    path.rename(tmp_path / "journal.db.damaged")
    Journal(tmp_path).close()
