"""`site.yml`: from bare hosts to a cluster, once; then nothing more."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tests.hosts.fleet import Fleet, play

if TYPE_CHECKING:
    import pytest

    from tests.hosts.lab import Lab


def test_a_rollout_makes_a_healthy_cluster_whose_jobs_run_on_every_host(fleet: Fleet) -> None:
    fleet.sync(
        {f"beat-{h.name}": fleet.noted("@every 1s", run_on={"node": h.name}) for h in fleet.hosts}
    )
    fleet.until(lambda: all(fleet.ledger_of(host) for host in fleet.hosts), "each job has run")
    with suppress(AssertionError):  # Its problems say why not.
        fleet.until(lambda: fleet.asked("status")["healthy"], "it is healthy")
    status = fleet.asked("status")
    assert status["healthy"], status["problems"]
    assert [member["error"] for member in status["etcd"]] == [None] * 3
    assert {status["watcher"]["leader"], *status["watcher"]["standbys"]} == {"h1", "h2", "h3"}
    assert {node["name"]: node["groups"] for node in status["nodes"]} == {
        "h1": ["web"],
        "h2": ["web"],
        "h3": ["db"],
    }
    for host in fleet.hosts:
        assert {(line.job, line.node) for line in fleet.ledger_of(host)} == {
            (f"beat-{host.name}", host.name)
        }


def test_a_second_rollout_changes_nothing(fleet: Fleet) -> None:
    again = fleet.play("site", "-e", "crony_serial=3")
    assert again.changed == dict.fromkeys(("h1", "h2", "h3"), 0), again.outcome


def test_a_host_that_reboots_is_back_by_itself(fleet: Fleet) -> None:
    host = fleet.hosts[0]
    host.sh("systemctl poweroff", check=False)
    fleet.until(lambda: not host.running, "it is off")
    host.start()
    fleet.sync({"beat": fleet.noted("@every 1s", run_on={"node": host.name})})
    fleet.until(lambda: fleet.ledger_of(host) != [], "it runs jobs")


def test_a_bare_host_can_be_checked_first_and_that_leaves_no_trace(
    lab: Lab, wheelhouse: Path, request: pytest.FixtureRequest
) -> None:
    host = lab.host(4).start()
    request.addfinalizer(host.wipe)
    groups = {group: [host] for group in ("etcd", "watchers", "web")}
    inventory = lab.inventory("checked", groups, crony_wheelhouse=str(wheelhouse))
    before = {path.name for path in inventory.iterdir()}
    assert not play(lab, inventory, "site", "--check", "--diff").failed
    assert {path.name for path in inventory.iterdir()} == before
    assert host.sh("ls -d /opt/crony /etc/crony /etc/etcd /var/lib/crony", check=False).out == ""
