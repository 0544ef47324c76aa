"""A host that fails: its jobs go on elsewhere in time, it comes back, and no tick is run twice."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.hosts.lab import Host

if TYPE_CHECKING:
    from tests.hosts.fleet import Fleet

FAILURES = {
    "power cut": (Host.kill, Host.start),
    "unplugged cable": (Host.cut, Host.heal),
    "freeze": (Host.freeze, Host.thaw),
}


def jobs(fleet: Fleet) -> dict[str, dict[str, Any]]:
    """Enough that each host has some; one kind ends with its host, the other is made again."""
    fields: dict[str, Any] = {"presets": ["work-folder"], "misfire": {"policy": "all"}}
    once = {f"once-{n}": fleet.noted("@every 1s", **fields) for n in range(3)}
    again = fleet.noted("@every 2s", 0.5, on_node_loss="rerun", **fields)
    return {**once, **{f"again-{n}": again for n in range(3)}}


def with_jobs(fleet: Fleet) -> dict[str, list[str]]:
    """The jobs that each host has, once all of them run; by the host's name."""
    wanted = jobs(fleet)
    fleet.sync(wanted)
    fleet.until(lambda: {line.job for line in fleet.ledger()} == set(wanted), "every job has run")
    held: dict[str, list[str]] = {host.name: [] for host in fleet.hosts}
    for job in fleet.asked("jobs")["jobs"]:
        held[job["nodes"][0]].append(job["job"])
    assert all(held.values()), held
    return held


def runs_elsewhere(fleet: Fleet, host: Host, moved: list[str], since: float) -> bool:
    others = [other for other in fleet.hosts if other is not host]
    lines = [line for other in others for line in fleet.ledger_of(other)]
    return set(moved) <= {line.job for line in lines if line.at > since}


def leads_nothing(fleet: Fleet) -> Host:
    status = fleet.asked("status")
    leading = {status["watcher"]["leader"]}
    leading |= {member["name"] for member in status["etcd"] if member["is_leader"]}
    return next(host for host in fleet.hosts if host.name not in leading)


@pytest.mark.parametrize("failure", FAILURES)
def test_the_jobs_of_a_host_that_fails_run_elsewhere_in_time_and_it_comes_back(
    fleet: Fleet, failure: str
) -> None:
    fail, mend = FAILURES[failure]
    held = with_jobs(fleet)
    host = leads_nothing(fleet)
    moved = held[host.name]

    began = time.time()
    fail(host)
    fleet.until(lambda: runs_elsewhere(fleet, host, moved, began), "its jobs run elsewhere", 30)
    others = [line for other in fleet.hosts if other is not host for line in fleet.ledger_of(other)]
    first = {job: min(x.at for x in others if x.job == job and x.at > began) for job in moved}
    assert max(first.values()) - began <= fleet.ttl + 2, {j: at - began for j, at in first.items()}

    everything = jobs(fleet)
    meanwhile = fleet.records(*everything)

    mend(host)
    fleet.until(lambda: state(fleet, host) == "up", "it is back", 60)
    fleet.until(lambda: serves(host), "all its daemons run")
    back = time.time()
    fleet.until(lambda: all(ran_since(fleet, job, back) for job in everything), "all jobs go on")
    frozen = (host, began) if failure == "freeze" else None
    fleet.settled(*everything, earlier=meanwhile, frozen=frozen)


def serves(host: Host) -> bool:
    said = host.sh("systemctl is-active crony-node crony-watcher etcd", check=False)
    return said.out.split() == ["active"] * 3


def ran_since(fleet: Fleet, job: str, since: float) -> bool:
    return any(line.job == job and line.at > since for line in fleet.ledger())


def state(fleet: Fleet, host: Host) -> str:
    return str({node["name"]: node["state"] for node in fleet.asked("nodes")["nodes"]}[host.name])
