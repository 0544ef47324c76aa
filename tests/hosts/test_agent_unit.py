"""The agent under systemd: whatever ends it ends no run, and it always comes back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.hosts.fleet import Fleet
    from tests.hosts.lab import Host

UNIT = "crony-node.service"
GO = "/srv/ledger/go"
DROP_IN = f"/run/systemd/system/{UNIT}.d"
WAITS = f"echo $$ >/srv/ledger/pid; while [ ! -e {GO} ]; do sleep 0.1; done; echo is over"


def shown(host: Host, name: str) -> str:
    return host.sh(f"systemctl show --property {name} --value {UNIT}").out.strip()


def set_for_now(host: Host, setting: str) -> None:
    """Of the unit, until the test has ended."""
    file = f"{DROP_IN}/for-now.conf"
    host.sh(
        f"mkdir -p {DROP_IN}; printf '[Service]\\n{setting}\\n' >{file}; systemctl daemon-reload"
    )


def is_up(fleet: Fleet, host: Host) -> bool:
    """Registered by the agent that runs now."""
    node = fleet.asked("nodes", host.name)["node"]
    return node["state"] == "up" and "not registered" not in shown(host, "StatusText")


def is_replaced(host: Host, pid: str) -> bool:
    """Another process than that one is the agent, and ready: before, no watchdog looks after it."""
    return shown(host, "ActiveState") == "active" and shown(host, "MainPID") not in (pid, "0")


@dataclass(frozen=True, slots=True)
class Run:
    """One of a job that has no other."""

    host: Host
    job: str
    pid: int

    def lives(self) -> bool:
        return self.host.sh(f"kill -0 {self.pid}", check=False).status == 0

    def end(self, fleet: Fleet) -> dict[str, Any]:
        """Its record. One that a leader wrote of a node that it took for lost does not last."""
        self.host.path(GO).touch()
        fleet.until(lambda: self._record(fleet)["state"] != "lost", "its end is told")
        return self._record(fleet)

    def _record(self, fleet: Fleet) -> dict[str, Any]:
        """``lost`` where there is none yet."""
        records: list[dict[str, Any]] = fleet.asked("jobs", self.job)["runs"]
        assert len(records) <= 1
        return records[0] if records else {"state": "lost"}


@pytest.fixture
def run(fleet: Fleet) -> Iterator[Run]:
    """On h1, until the file GO is there."""
    host = fleet.hosts[0]
    host.path(GO).unlink(missing_ok=True)
    host.path("/srv/ledger/pid").unlink(missing_ok=True)
    job_id = f"waits-{time.time_ns()}"
    job = {"schedule": "0 0 1 1 *", "run_on": {"node": host.name}, "shell": WAITS}
    fleet.sync({job_id: job})
    fleet.until(lambda: fleet.holder(job_id) is host, "it has the job")
    fleet.crony("run", job_id)
    fleet.until(lambda: host.path("/srv/ledger/pid").exists(), "it runs")
    fleet.until(lambda: host.path("/srv/ledger/pid").read_text().strip() != "", "its pid is told")
    yield Run(host, job_id, int(host.path("/srv/ledger/pid").read_text()))
    host.path(GO).touch()
    host.sh(f"rm -rf {DROP_IN}; systemctl daemon-reload; systemctl restart {UNIT}")
    fleet.until(lambda: is_up(fleet, host), "it is up")


def test_no_end_of_the_agent_ends_a_run_and_no_number_of_crashes_fails_the_unit(
    fleet: Fleet, run: Run
) -> None:
    host = fleet.hosts[0]
    # So quickly that systemd's own limit of starts would be reached.
    set_for_now(host, "RestartSec=50ms")
    crash = (
        "before=0; for crash in $(seq 6); do"
        f" until pid=$(systemctl show --property MainPID --value {UNIT})"
        " && [ $pid != 0 ] && [ $pid != $before ]; do sleep 0.05; done;"
        " kill -KILL $pid; before=$pid; done"
    )
    host.sh(crash, timeout=120)
    fleet.until(lambda: shown(host, "ActiveState") == "active", "it is back")
    assert int(shown(host, "NRestarts")) >= 6
    assert run.lives()
    host.sh(f"systemctl restart {UNIT}", timeout=90)
    assert run.lives()
    fleet.until(lambda: is_up(fleet, host), "it is registered")

    record = run.end(fleet)
    assert (record["state"], record["attempts"][0]["exit_code"]) == ("succeeded", 0)
    assert record["attempts"][0]["output"] == "is over\n"
    assert len(record["attempts"]) == 1


def test_an_agent_that_hangs_is_started_again(fleet: Fleet, run: Run) -> None:
    host = fleet.hosts[0]
    before = shown(host, "MainPID")
    set_for_now(host, "WatchdogSec=3")
    host.sh(f"systemctl kill --kill-who=main --signal=KILL {UNIT}")
    fleet.until(lambda: shown(host, "WatchdogUSec") == "3s", "its watchdog is short of patience")
    fleet.until(lambda: is_replaced(host, before) and is_up(fleet, host), "it is registered")
    before = shown(host, "MainPID")
    host.sh(f"kill -STOP {before}")
    fleet.until(lambda: is_replaced(host, before), "another takes its place")
    fleet.until(lambda: is_up(fleet, host), "it is registered")
    assert run.lives()
    assert run.end(fleet)["state"] == "succeeded"


def test_an_outage_of_etcd_fails_no_start(fleet: Fleet, run: Run) -> None:
    host, *others = fleet.hosts
    for other in others:
        other.sh("systemctl stop etcd")
    try:
        before = shown(host, "MainPID")
        host.sh(f"kill -KILL {before}")
        fleet.until(lambda: shown(host, "ActiveState") == "active", "it is ready")
        assert shown(host, "MainPID") != before
        assert "not registered" in shown(host, "StatusText")
        assert run.lives()
    finally:
        for other in others:
            other.sh("systemctl start --no-block etcd")
    fleet.until(lambda: is_up(fleet, host), "it is registered", 90)
    assert run.end(fleet)["state"] == "succeeded"
