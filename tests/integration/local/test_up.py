"""`crony-ops up` as a person has it: started, killed, started again."""

from __future__ import annotations

import asyncio
import json
import signal
import stat
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
from crony_ops.local.waiting import wait_until
from crony_ops.model.spec import Cursor
from crony_ops.store import Etcd, EtcdSettings
from crony_ops.store.keys import Keys
from tests.integration.alerts.servers import http_server, says

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

    def command(self, *options: str) -> list[str]:
        return [sys.executable, "-m", "crony_ops.cli.main", "up", "--nodes", "2", *options]

    def start(self, *options: str) -> None:
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                self.command(*options), cwd=self.folder, stdout=output, stderr=output
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


async def test_people_are_told_over_the_channels_of_a_watchers_settings(up: Up) -> None:
    jobs = {"jobs": {"fails": {"schedule": "*/2 * * * * *", "shell": "exit 3"}}}
    (up.folder / "jobs" / "jobs.yaml").write_text(yaml.safe_dump(jobs))
    config = up.folder / "watcher.yaml"
    async with http_server(says(200)) as endpoint:
        hook = {"type": "webhook", "url": endpoint.url}
        config.write_text(yaml.safe_dump({"alerts": {"channels": {"hook": hook}}}))
        await asyncio.to_thread(up.start, "--alerts", str(config))
        await wait_until(lambda: endpoint.requests != [], "the failure is told", 30)
        assert json.loads(endpoint.requests[0].body)["job"] == "fails"
        await asyncio.to_thread(up.end, signal.SIGTERM)
    for written in up.data.glob("watcher-*.yaml"):
        assert stat.S_IMODE(written.stat().st_mode) == 0o600


def test_channels_that_make_no_sense_start_nothing(up: Up) -> None:
    config = up.folder / "watcher.yaml"
    config.write_text("alerts: {channels: {mail: {type: mail}}}")
    refused = subprocess.run(
        up.command("--alerts", str(config)),
        cwd=up.folder,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert refused.returncode == 2
    assert "alerts.channels.mail" in refused.stderr
    assert not up.data.exists()
