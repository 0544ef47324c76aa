"""`status --watch` on a real terminal, against a real etcd that goes away and comes back."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import signal
import sys
import termios
from typing import TYPE_CHECKING

import pytest

from crony_ops.local.waiting import wait_until
from crony_ops.model.node import Cordon
from crony_ops.store import Etcd, EtcdSettings
from crony_ops.store.keys import Keys
from tests.integration.cli.committed_schemas import faults

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.etcd_server import EtcdServer
    from tests.integration.cli.conftest import CommandLine


class Watched:
    """A `status --watch` that runs; ``text`` is all that it has written so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.text = ""
        self._seen = 0

    async def shows(self, words: str) -> None:
        """After what was waited for before."""

        def seen() -> bool:
            return words in self.text[self._seen :]

        await wait_until(seen, f"{words!r} after {self.text[self._seen :][-2000:]!r}", timeout=30)
        self._seen = len(self.text)

    async def end(self) -> int:
        self.process.send_signal(signal.SIGINT)
        async with asyncio.timeout(20):
            return await self.process.wait()


@pytest.fixture
async def watched(etcd_server: EtcdServer, tmp_path: Path) -> AsyncIterator[Watched]:
    ours, its = pty.openpty()
    termios.tcsetwinsize(its, (40, 160))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "crony_ops.cli.main", "status", "--watch", "--interval", "1s"),
        *("--endpoints", etcd_server.endpoint),
        cwd=tmp_path,
        env={**os.environ, "TERM": "xterm", "HOME": str(tmp_path)},
        stdin=its,
        stdout=its,
        stderr=its,
    )
    os.close(its)
    watched = Watched(process)

    def take() -> None:
        try:
            watched.text += os.read(ours, 1 << 16).decode(errors="replace")
        except OSError:  # the other side is closed
            asyncio.get_running_loop().remove_reader(ours)

    asyncio.get_running_loop().add_reader(ours, take)
    try:
        yield watched
    finally:
        asyncio.get_running_loop().remove_reader(ours)
        os.close(ours)
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_it_shows_changes_outlives_an_outage_and_ends_well(
    watched: Watched, etcd_server: EtcdServer
) -> None:
    await watched.shows("none leads")
    async with Etcd(EtcdSettings(endpoints=(etcd_server.endpoint,))) as etcd:
        await etcd.put(Keys().spec("broken"), b"{")
    await watched.shows("\x1b[1;7mbroken")
    etcd_server.kill()
    await watched.shows("how it stood")
    etcd_server.start()
    await watched.shows("\x1b[1;7m")
    await watched.shows("/crony/spec/broken")
    assert await watched.end() == 0
    assert "\x1b[?1049h" in watched.text
    assert watched.text.rstrip().endswith("\x1b[?25h") or "\x1b[?1049l" in watched.text
    assert "Traceback" not in watched.text


@pytest.mark.usefixtures("fleet")
async def test_machines_get_a_line_at_each_change(
    store_settings: EtcdSettings, etcd: Etcd, keys: Keys, tmp_path: Path, fleet: float
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "crony_ops.cli.main", "status", "--watch", "--interval", "1s"),
        *("-o", "json", "--endpoints", *store_settings.endpoints),
        *("--prefix", store_settings.prefix),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            first = json.loads(await process.stdout.readline())
            await etcd.put(keys.cordon("u-web-1"), Cordon(who="ada", at=fleet).to_json())
            second = json.loads(await process.stdout.readline())
            process.send_signal(signal.SIGINT)
            assert await process.stdout.read() == b""
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert [node["state"] for node in first["nodes"]][:2] == ["up", "cordoned"]
    assert [node["state"] for node in second["nodes"]][:2] == ["cordoned", "cordoned"]
    assert faults("status", "StatusDocument", second) == []


async def test_machines_get_a_line_with_what_ails_an_etcd_that_is_not_there(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "crony_ops.cli.main", "status", "--watch", "-o", "json"),
        *("--endpoints", "127.0.0.1:1"),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            line = json.loads(await process.stdout.readline())
            process.send_signal(signal.SIGINT)
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert "can't be reached" in line["error"]
    assert faults("status", "NoStatus", line) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--watch",), "--watch draws on a terminal, and this is none"),
        (("--watch", "-o", "yaml"), "--watch draws on a terminal"),
        (("--watch", "--exit-code"), "--watch ends with Ctrl-C"),
        (("--watch", "--interval", "0s"), "a second at least"),
        (("--interval", "5s"), "--interval goes with --watch"),
    ],
)
async def test_what_makes_no_sense_is_refused(
    crony_ops: CommandLine, arguments: tuple[str, ...], words: str
) -> None:
    assert words in (await crony_ops("status", *arguments, status=2)).err
