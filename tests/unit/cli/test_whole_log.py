"""Reading a run's log while it grows."""

from __future__ import annotations

import asyncio
from pathlib import Path

from crony_ops.cli.past_runs.whole_log import follow_log, read_log
from crony_ops.local.waiting import wait_until


class Follower:
    def __init__(self, path: Path) -> None:
        self.over = False
        self.text = ""
        self._path = path

    async def run(self) -> None:
        async for piece in follow_log(self._path, lambda: self.over):
            self.text += piece


async def test_what_comes_is_read_until_the_run_is_over(tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    follower = Follower(log)
    async with asyncio.TaskGroup() as group:
        group.create_task(follower.run())
        log.write_bytes("grün: \u00fc".encode()[:-1])
        await wait_until(lambda: follower.text == "grün: ", "the whole characters are read")
        with log.open("ab") as file:
            file.write(b"\xbc\nlast\n")
        follower.over = True
    assert follower.text == "grün: ü\nlast\n"


async def test_a_log_that_its_run_truncates_is_read_from_its_start(tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    log.write_text("a long first line\n")
    follower = Follower(log)
    async with asyncio.TaskGroup() as group:
        group.create_task(follower.run())
        await wait_until(lambda: follower.text == "a long first line\n", "the first line is read")
        log.write_text("new\n")
        follower.over = True
    assert follower.text == "a long first line\nnew\n"


async def test_a_run_that_left_no_log_ends_the_reading(tmp_path: Path) -> None:
    follower = Follower(tmp_path / "none.log")
    follower.over = True
    await follower.run()
    assert follower.text == ""


def test_bytes_that_are_no_text_are_replaced(tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    log.write_bytes(b"\xff\x00ok\r\n")
    assert "".join(read_log(log)) == "\ufffd\x00ok\r\n"
