"""The journal of a run, and the folder that keeps it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from crony_ops.model.job import Job
from crony_ops.model.run import Attempt, RunState
from crony_ops.node import presets
from crony_ops.node.execution.run_folder import (
    Ended,
    RunContext,
    RunFolder,
    RunMeta,
    Started,
    begin_journal,
    read_journal,
    read_tail,
    record_end,
    record_start,
)

if TYPE_CHECKING:
    from pathlib import Path


def meta(run_id: str, tick: int = 1) -> RunMeta:
    context = RunContext(job_id="j", run_id=run_id, tick=tick, node="n", epoch=1, kill_grace=1)
    return RunMeta(context=context, job=Job(schedule="@daily", shell="true"), boot_id="b")


def started(attempt: int) -> Started:
    return Started(attempt=attempt, pid=9, at=1.0, monotonic=1.0, offset=0)


def ended(attempt: int) -> Ended:
    return Ended(
        state=RunState.failed, attempt=Attempt(number=attempt, started_at=1.0, ended_at=2.0)
    )


def test_a_journal_tells_the_attempt_that_is_under_way(tmp_path: Path) -> None:
    files = RunFolder(tmp_path, keep=3).files("j", "r")
    begin_journal(files, meta("r"))
    record_start(files, started(1))
    record_end(files, ended(1))
    record_start(files, started(2))
    journal = read_journal(files)
    assert journal is not None
    assert journal.meta == meta("r")
    assert journal.ends == (ended(1),)
    assert journal.started == started(2)
    assert journal.left is None


def test_a_half_written_line_counts_as_not_written(tmp_path: Path) -> None:
    files = RunFolder(tmp_path, keep=3).files("j", "r")
    begin_journal(files, meta("r"))
    with files.journal.open("ab") as file:
        file.write(b'{"started":{"att')
    journal = read_journal(files)
    assert journal is not None
    assert journal.started is None


def test_unfinished_runs_are_those_not_forgotten(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, keep=3)
    for tick, run_id in enumerate("cab"):
        begin_journal(folder.files("j", run_id), meta(run_id, tick))
    folder.forget("j", "a")
    (tmp_path / "j" / "torn.json").write_text("{")
    assert [found.context.run_id for found in folder.unfinished()] == ["c", "b"]
    assert not (tmp_path / "j" / "torn.json").exists()


def test_trim_keeps_the_newest_logs_and_those_of_unfinished_runs(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, keep=2)
    for run_id in "abcde":
        folder.files("j", run_id).log.touch()
    begin_journal(folder.files("j", "b"), meta("b"))
    folder.trim("j")
    assert sorted(path.stem for path in (tmp_path / "j").glob("*.log")) == ["b", "d", "e"]


def test_the_tail_is_of_this_attempt_alone(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("first\nsecond\n")
    assert read_tail(log, 6, 512) == "second\n"
    assert read_tail(log, 6, 3) == "nd\n"


def test_a_log_that_its_run_truncated_is_read_from_its_start(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("short")
    assert read_tail(log, 1000, 512) == "short"


def test_a_preset_that_goes_on_failing_is_tried_every_half_hour() -> None:
    assert [presets.backoff(n) for n in (1, 2, 3, 7, 1000)] == [30, 60, 120, 1800, 1800]


def test_a_full_disk_takes_a_whole_line_or_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = RunFolder(tmp_path, keep=3).files("j", "r")
    begin_journal(files, meta("r"))
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, line: write(descriptor, line[:5]))
    with pytest.raises(OSError, match="No space left"):
        record_start(files, started(1))
    monkeypatch.undo()
    record_end(files, ended(1))
    journal = read_journal(files)
    assert journal is not None
    assert journal.ends == (ended(1),)


async def test_the_folder_is_busy_until_all_that_ended_was_handed_over(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, keep=3)
    files = folder.files("j", "r")
    assert folder.busy.is_set()
    assert folder.hand_over() == ([files], [])
    folder.forget("j", "r")
    assert folder.hand_over() == ([], [files])
    assert folder.busy.is_set()
    assert folder.hand_over() == ([], [])
    assert not folder.busy.is_set()


def test_a_folder_is_not_taken_from_under_a_run_that_begins(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, keep=3)
    folder.files("begins", "r")
    (tmp_path / "gone").mkdir()
    folder.remove_empty([tmp_path / "begins", tmp_path / "gone"])
    assert [path.name for path in tmp_path.iterdir()] == ["begins"]


def test_the_tail_of_a_huge_log_is_read_alone(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as file:
        file.truncate(2**40)
        file.seek(0, os.SEEK_END)
        file.write(b"the end\n")
    assert read_tail(log, 5, 8) == "the end\n"
