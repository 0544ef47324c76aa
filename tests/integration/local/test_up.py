"""`crony-ops up` as a person has it: started, killed, started again."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import yaml

from crony_ops.local.ledger import ledger_job, read_ledger
from crony_ops.local.marked import MARK
from crony_ops.model.spec import Cursor
from crony_ops.store import Etcd, EtcdSettings
from crony_ops.store.keys import Keys

KEYS = Keys()


class Up:
    """The command in a folder of its own, and what it left there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / ".crony"
        self.ledger = folder / "ledger.jsonl"
        self._output = folder / "up.log"
        self.process: subprocess.Popen[bytes] | None = None
        jobs = {
            "each-second": ledger_job(self.ledger, "* * * * * *"),
            "long": ledger_job(self.ledger, "*/2 * * * * *", seconds=600),
        }
        (folder / "jobs").mkdir()
        (folder / "jobs" / "jobs.yaml").write_text(yaml.safe_dump({"jobs": jobs}))

    def command(self) -> list[str]:
        return [sys.executable, "-m", "crony_ops.cli.main", "up", "--nodes", "2"]

    def start(self) -> None:
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                self.command(), cwd=self.folder, stdout=output, stderr=output
            )
        until(lambda: "up: etcd on" in self.said(), self.said)

    def said(self) -> str:
        return self._output.read_text()

    def end(self, number: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(30)

    def processes(self) -> dict[int, str]:
        """All that carry the cluster's mark."""
        found = {}
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARK, "").startswith(f"{self.data}:"):
                    found[process.pid] = " ".join(process.cmdline())
            except psutil.Error:
                continue
        return found

    def endpoint(self) -> str:
        written = yaml.safe_load((self.data / "cluster.yaml").read_text())
        return str(written["etcd"]["endpoints"][0])

    def cursor(self) -> int:
        async def read() -> int:
            async with Etcd(EtcdSettings(endpoints=(self.endpoint(),))) as etcd:
                entry = await etcd.get(KEYS.cursor("each-second"))
                assert entry is not None
                return Cursor.from_json(entry.value).tick

        return asyncio.run(read())

    def long_runs_are_under_way(self) -> bool:
        return any("sleep 600" in command for command in self.processes().values())


def until(
    condition: Callable[[], bool], words: Callable[[], object], timeout: float = 30.0
) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, words()
        time.sleep(0.05)


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    made = Up(tmp_path)
    try:
        yield made
    finally:
        if made.process is not None and made.process.poll() is None:
            made.end(signal.SIGKILL)
        until(lambda: not made.processes(), made.processes)


def test_nothing_outlives_a_killed_up_and_the_next_one_goes_on(up: Up) -> None:
    up.start()
    until(up.long_runs_are_under_way, up.processes)
    until(lambda: len(read_ledger(up.ledger.read_text().splitlines())) > 3, up.said)
    assert len(up.processes()) >= 5  # etcd, a watcher, two agents, and the long run's
    before = up.cursor()

    assert up.end(signal.SIGKILL) == -signal.SIGKILL
    until(lambda: not up.processes(), up.processes)

    up.start()
    assert "0 added, 0 changed, 0 removed" in up.said()
    began = time.time()
    until(lambda: up.cursor() > max(before, began), up.said)
    lines = read_ledger(up.ledger.read_text().splitlines())
    runs = [(line.job, line.run) for line in lines if line.event == "start"]
    assert len(runs) == len(set(runs))


def test_an_orderly_end_leaves_no_process_and_says_no_error(up: Up) -> None:
    up.start()
    until(up.long_runs_are_under_way, up.processes)
    assert up.end(signal.SIGTERM) == 0
    assert not up.processes()
    assert up.said().endswith("stopped\n")


def test_a_second_up_in_the_same_folder_is_refused(up: Up) -> None:
    up.start()
    refused = subprocess.run(
        up.command(), cwd=up.folder, capture_output=True, text=True, timeout=30, check=False
    )
    assert refused.returncode == 1
    assert f"{up.data} is in use by a local cluster" in refused.stderr
    assert len(up.processes()) >= 4
