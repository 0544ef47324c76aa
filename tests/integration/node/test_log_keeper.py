"""Logs on a real disk, kept in bounds."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from crony_ops.model.job import Job
from crony_ops.node.execution.log_keeper import LogKeeper
from crony_ops.node.execution.run_folder import RunContext, RunFolder, RunMeta, begin_journal

if TYPE_CHECKING:
    import pytest

KIB = 1024


@asynccontextmanager
async def keeping(folder: RunFolder, **bounds: int) -> AsyncIterator[LogKeeper]:
    keeper = LogKeeper(folder, **{"limit": 64 * KIB, "days": 30, "total": 2**30, **bounds})
    running = asyncio.create_task(keeper.run())
    try:
        yield keeper
    finally:
        running.cancel()
        await asyncio.wait([running])


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(8):
        while not condition():  # noqa: ASYNC110 - files send no events
            await asyncio.sleep(0.01)


def make(root: Path, name: str, size: int = 1, *, days: float = 0) -> Path:
    log = root / name
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_bytes(b"x" * size)
    at = time.time() - days * 86_400
    os.utime(log, (at, at))
    return log


def begin(folder: RunFolder, run_id: str) -> None:
    context = RunContext(job_id="j", run_id=run_id, tick=1, node="n", epoch=1, kill_grace=1)
    meta = RunMeta(context=context, job=Job(schedule="@daily", shell="true"), boot_id="b")
    begin_journal(folder.files("j", run_id), meta)


async def test_a_log_is_cut_while_it_grows_and_moved_together_at_the_end(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, keep=3)
    begin(folder, "r")
    log = make(tmp_path, "j/r.log", 400 * KIB)
    async with keeping(folder):
        await until(lambda: log.stat().st_blocks * 512 <= 80 * KIB)
        assert log.stat().st_size == 400 * KIB
        folder.forget("j", "r")
        await until(lambda: log.stat().st_size <= 64 * KIB)
        await until(lambda: not folder.busy.is_set())
    assert b"\n[crony: " in log.read_bytes()


async def test_what_was_left_from_before_is_put_in_order_at_the_start(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, keep=3)
    old = make(tmp_path, "moved-away/a.log", days=31)
    new = make(tmp_path, "other/b.log", days=1)
    long = make(tmp_path, "other/c.log", 400 * KIB)
    running = make(tmp_path, "j/r.log", days=40)
    begin(folder, "r")
    async with keeping(folder):
        await until(lambda: not old.parent.exists())
        await until(lambda: long.stat().st_size <= 64 * KIB)
    assert new.exists()
    assert running.exists()


async def test_the_oldest_go_when_all_together_are_too_large(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, keep=3)
    logs = [make(tmp_path, f"{n}/r.log", 60 * KIB, days=n) for n in range(10)]
    async with keeping(folder, total=2**20) as keeper:
        await keeper.rotate()
        assert all(log.exists() for log in logs)
        for number in range(10):
            begin(folder, f"r{number}")
            make(tmp_path, f"j/r{number}.log", 60 * KIB)
            folder.forget("j", f"r{number}")
        await until(lambda: not logs[-1].exists())
    assert logs[0].exists()


async def test_a_folder_that_cannot_be_read_ends_no_agent(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "runs").touch()
    keeper = LogKeeper(RunFolder(tmp_path / "runs", 3), limit=64 * KIB, days=30, total=2**30)
    await keeper.rotate()
    await keeper.rotate()
    assert caplog.text.count("can't be kept in bounds: Not a directory") == 1


async def test_what_cannot_go_yet_is_not_looked_for_with_each_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    folder = RunFolder(tmp_path, keep=3)
    for number in range(20):
        begin(folder, f"r{number}")
        make(tmp_path, f"j/r{number}.log", 60 * KIB)
    old = make(tmp_path, "a/old.log", 60 * KIB, days=2)
    async with keeping(folder, total=2**20):
        await until(lambda: not old.exists())
        small = make(tmp_path, "a/small.log", days=1)
        ended = make(tmp_path, "j/r0.log", 70 * KIB)
        folder.forget("j", "r0")
        await until(lambda: ended.stat().st_size <= 64 * KIB)
        assert small.exists()
    assert caplog.text.count("old logs of runs are removed") == 1
