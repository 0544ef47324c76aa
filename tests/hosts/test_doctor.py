"""`doctor` finds what is wrong with real hosts, and `logs` fetches from them.

All hosts of a lab have one clock, so that of a wrong one tells tests/unit/fleet/test_diagnosis.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import trustme

if TYPE_CHECKING:
    from tests.hosts.fleet import Fleet
    from tests.hosts.lab import Host

LONG = {
    "schedule": "0 0 1 1 *",
    "shell": "for n in $(seq 20000); do echo line $n of a long log; done; echo end; exit 3",
    "run_on": {"node": "h2"},
}
SLOW = {
    "schedule": "0 0 1 1 *",
    "shell": "echo begun; for n in 1 2 3; do sleep 2; echo going on $n; done; echo done",
    "run_on": {"node": "h3"},
}


def examined(fleet: Fleet, *arguments: str, status: int | None = 1) -> dict[str, Any]:
    """What it finds, after it has ended with ``status``; None: with any."""
    jobs = ("--jobs", str(fleet.inventory / "jobs"))
    outcome = fleet.crony("doctor", *jobs, *arguments, "--output", "json", check=False)
    assert status in (None, outcome.status), outcome
    document: dict[str, Any] = json.loads(outcome.out)
    return document


def wanting(document: dict[str, Any]) -> set[str]:
    """Those of the checks of a whole fleet that found something, or looked at nothing."""
    of_a_fleet = {"etcd", "cluster", "hosts", "units", "versions", "presets", "disks"}
    passed = {f["check"] for f in document["findings"] if f["verdict"] == "pass"}
    return (of_a_fleet | {"certificates", "jobs"}) - passed


def told(document: dict[str, Any], check: str, where: str) -> str:
    return "\n".join(
        f"{f['verdict']} {f['says']} → {f['hint']}"
        for f in document["findings"]
        if (f["check"], f["where"]) == (check, where)
    )


@contextmanager
def stopped(host: Host, unit: str) -> Iterator[None]:
    host.sh(f"systemctl stop {unit}")
    try:
        yield
    finally:
        host.sh(f"systemctl start {unit}")


def test_of_a_healthy_fleet_nothing_fails(fleet: Fleet) -> None:
    fleet.sync({"beat": fleet.noted("@every 5s")})
    # What earlier tests left behind, as leases of agents that are gone, runs out.
    with suppress(AssertionError):  # The document tells what it is.
        fleet.until(lambda: not wanting(examined(fleet, status=None)), "all is well")
    document = examined(fleet, status=0)
    assert document["hosts"] == ["h1", "h2", "h3"]
    assert not wanting(document), json.dumps(document["findings"], indent=1)
    some = examined(fleet, "--host", "web", status=0)
    assert some["hosts"] == ["h1", "h2"]


def test_an_agent_that_is_stopped_is_told_with_how_to_start_it(fleet: Fleet) -> None:
    with stopped(fleet.hosts[1], "crony-node"):
        fleet.until(lambda: fleet.asked("nodes", "h2")["node"]["state"] == "lost", "it is lost")
        document = examined(fleet)
        assert "its agent is lost" in told(document, "cluster", "h2")
        unit = told(document, "units", "h2")
        assert "fail crony-node.service is inactive" in unit
        assert f"ssh root@{fleet.hosts[1].address} systemctl start crony-node" in unit


def test_an_etcd_that_is_stopped_is_one_member_less(fleet: Fleet) -> None:
    with stopped(fleet.hosts[2], "etcd"):
        document = examined(fleet)
        assert "fail etcd.service is inactive" in told(document, "units", "h3")
        says = " ".join(f["says"] for f in document["findings"] if f["check"] == "etcd")
        assert "does not answer" in says
        assert "if one more goes, nothing can be claimed" in says


def test_a_full_disk_and_a_certificate_that_ends_are_found(fleet: Fleet) -> None:
    host = fleet.hosts[1]
    soon = datetime.now(UTC) + timedelta(days=2, hours=1)
    issued = trustme.CA().issue_cert("h2", not_after=soon).cert_chain_pems[0].bytes()
    with stopped(host, "crony-node"):
        host.sh("mount -t tmpfs -o size=1M full /var/lib/crony")
        host.sh("head -c 2M /dev/zero >/var/lib/crony/zeros", check=False)
        host.path("/etc/crony/tls/soon.pem").write_bytes(issued)
        try:
            document = examined(fleet, "--host", "h2")
        finally:
            host.sh("umount /var/lib/crony; rm /etc/crony/tls/soon.pem")
    assert "fail /var/lib/crony is full: 0 B of 1.0 MiB free" in told(document, "disks", "h2")
    certificate = told(document, "certificates", "h2")
    assert certificate.startswith("fail /etc/crony/tls/soon.pem ends in 2 d")
    assert "crony-ops rollout --limit h2" in certificate


def test_a_script_that_was_changed_there_is_found(fleet: Fleet) -> None:
    fleet.sync({"beat": fleet.noted("@every 5s", presets=["work-folder"])})
    host = fleet.hosts[0]
    script = host.path("/etc/crony/presets/work-folder.sh")
    before = script.read_text()
    script.write_text(f"{before}\n# by hand\n")
    try:
        found = told(examined(fleet, status=None), "presets", "h1")
    finally:
        script.write_text(before)
    assert "warn work-folder.sh is " in found
    assert "crony-ops rollout presets --limit h1" in found


def test_hosts_without_power_cable_or_breath_are_told_in_time(fleet: Fleet) -> None:
    h1, h2, h3 = fleet.hosts
    h2.freeze()
    h3.cut()
    document = examined(fleet, "--host", "h2", "--host", "h3", "--host", "h1", status=1)
    assert "can't be reached by ssh: it takes the connection, and is silent" in told(
        document, "hosts", "h2"
    )
    assert "can't be reached by ssh" in told(document, "hosts", "h3")
    assert told(document, "hosts", "h1") == ""
    assert h1.running
    assert document["took"] < 30


def test_a_whole_log_is_fetched_from_its_host(fleet: Fleet) -> None:
    fleet.sync({"long": LONG})
    fleet.until(lambda: fleet.holder("long") is not None, "it has a node")
    fleet.crony("run", "long", "--wait", check=False)
    tail = fleet.crony("logs", "long")
    assert "line 1 of a long log" not in tail.out
    whole = fleet.crony("logs", "long", "--full")
    lines = whole.out.splitlines()
    assert lines[:2] == ["line 1 of a long log", "line 2 of a long log"]
    assert lines[-1] == "end"
    assert len(lines) == 20_001
    assert "that is all of h2:/var/lib/crony/runs/long/" in whole.err


def test_a_run_is_followed_on_its_host(fleet: Fleet) -> None:
    fleet.sync({"slow": SLOW})
    fleet.until(lambda: fleet.holder("slow") is not None, "it has a node")
    fleet.crony("run", "slow")
    fleet.until(
        lambda: "is under way" in fleet.crony("logs", "slow", check=False).err, "it runs", 20
    )
    followed = fleet.crony("logs", "slow", "--follow")
    assert followed.out == "begun\ngoing on 1\ngoing on 2\ngoing on 3\ndone\n"
    assert re.search(r"slow succeeded on h3 in [0-9.]+ s.*", followed.err.splitlines()[-1])
