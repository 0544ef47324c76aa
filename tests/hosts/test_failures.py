"""Hosts that fail, or don't reach each other: their jobs go on in time, they come back, and through
all of it the promise holds."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.faults.proof.history import Kind
from tests.hosts.lab import Host

if TYPE_CHECKING:
    from tests.hosts.fleet import Fleet
    from tests.hosts.proof import Proof

FAILURES = {
    "power cut": (Kind.kill, Host.kill, Host.start),
    "unplugged cable": (Kind.cut, Host.cut, Host.heal),
    "freeze": (Kind.freeze, Host.freeze, Host.thaw),
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


def leads(fleet: Fleet) -> tuple[Host, Host]:
    """The host of etcd's leader, and one that leads nothing."""
    status = fleet.asked("status")
    etcd = next(member["name"] for member in status["etcd"] if member["is_leader"])
    leading = {etcd, status["watcher"]["leader"]}
    return (
        next(host for host in fleet.hosts if host.name == etcd),
        next(host for host in fleet.hosts if host.name not in leading),
    )


@pytest.mark.parametrize("failure", FAILURES)
def test_the_jobs_of_a_host_that_fails_run_elsewhere_in_time_and_it_comes_back(
    fleet: Fleet, proof: Proof, failure: str
) -> None:
    kind, fail, mend = FAILURES[failure]
    held = with_jobs(fleet)
    _, host = leads(fleet)
    moved = held[host.name]

    with proof.fault(kind, host):
        began = time.time()
        fail(host)
        fleet.until(lambda: runs_elsewhere(fleet, host, moved, began), "its jobs run elsewhere")
        others = [line for one in fleet.hosts if one is not host for line in fleet.ledger_of(one)]
        first = {job: min(x.at for x in others if x.job == job and x.at > began) for job in moved}
        late = {job: at - began for job, at in first.items() if at - began > fleet.ttl + 2}
        assert not late, late
        mend(host)
    fleet.until(lambda: state(fleet, host) == "up", "it is back")
    fleet.until(lambda: serves(host), "all its daemons run")
    all_go_on(fleet)
    proof.judge()


def test_jobs_go_on_where_members_of_etcd_do_not_reach_each_other(
    fleet: Fleet, proof: Proof
) -> None:
    with_jobs(fleet)
    # One that knows of no leader then, and answers all the same.
    leader, member = leads(fleet)
    with proof.split(leader, member):
        since = time.time()
        # Longer than a lease lasts that is not renewed.
        all_go_on(fleet, since + fleet.ttl + 1)
    fleet.until(fleet.well, "its member of etcd follows again")
    all_go_on(fleet)
    proof.judge()


def all_go_on(fleet: Fleet, since: float | None = None) -> None:
    """Wait until every job has run after that time: from now on, unless it is said."""
    since = time.time() if since is None else since
    fleet.until(lambda: all(ran_since(fleet, job, since) for job in jobs(fleet)), "all jobs go on")


def serves(host: Host) -> bool:
    said = host.sh("systemctl is-active crony-node crony-watcher etcd", check=False)
    return said.out.split() == ["active"] * 3


def ran_since(fleet: Fleet, job: str, since: float) -> bool:
    return any(line.job == job and line.at > since for line in fleet.ledger())


def state(fleet: Fleet, host: Host) -> str:
    return str({node["name"]: node["state"] for node in fleet.asked("nodes")["nodes"]}[host.name])
