"""The members of etcd: one may be lost at any time, and all of them if there is a backup."""

from __future__ import annotations

import os
import time
from collections import Counter
from typing import TYPE_CHECKING

from tests.faults.proof.history import Kind
from tests.hosts.lab.inventory import REPOSITORY

if TYPE_CHECKING:
    from tests.hosts.fleet import Fleet
    from tests.hosts.proof import Proof

_EACH_SECOND = "* * * * * *"


def _ends(fleet: Fleet) -> Counter[tuple[str, int]]:
    """How often each tick of each job was run to its end."""
    return Counter((line.job, line.tick) for line in fleet.ledger() if line.event == "end")


def _have_run_after(fleet: Fleet, second: int) -> set[str]:
    return {job for job, tick in _ends(fleet) if tick > second}


def test_the_power_cut_of_the_leading_member_costs_no_tick(fleet: Fleet, proof: Proof) -> None:
    leading = {member["name"] for member in fleet.asked("status")["etcd"] if member["is_leader"]}
    gone = next(host for host in fleet.hosts if host.name in leading)
    jobs = {
        f"tick-{host.name}": fleet.noted(
            _EACH_SECOND,
            run_on={"node": host.name},
            concurrency="allow",
            misfire={"policy": "all"},
        )
        for host in fleet.hosts
        if host is not gone
    }
    fleet.sync(jobs)
    fleet.until(lambda: _have_run_after(fleet, 0) == set(jobs), "every job runs")
    with proof.fault(Kind.kill, gone):
        first = int(time.time())
        gone.kill()
        wanted = {(job, tick) for job in jobs for tick in range(first, first + 6)}
        fleet.until(lambda: wanted <= _ends(fleet).keys(), "every tick has run to its end")
        gone.start()
    fleet.until(fleet.well, "the member is back")
    proof.judge()


def test_a_backup_restored_into_an_empty_etcd_brings_the_jobs_back_and_repeats_none(
    fleet: Fleet,
) -> None:
    jobs = {
        "anywhere": fleet.noted(_EACH_SECOND, run_on={"group": "web"}),
        "pinned": fleet.noted(_EACH_SECOND, run_on={"node": fleet.hosts[2].name}),
    }
    fleet.sync(jobs)
    fleet.until(lambda: _have_run_after(fleet, 0) == set(jobs), "every job runs")
    fleet.play("backup")
    saved = int(time.time())
    snapshot = max((fleet.inventory.parent / "backups").glob("*.db"))
    assert snapshot.stat().st_mode & 0o077 == 0
    fleet.until(lambda: _have_run_after(fleet, saved + 2) == set(jobs), "they run after it too")

    for host in fleet.hosts:
        host.sh("systemctl stop etcd; rm -r /var/lib/etcd/crony/member")
    assert fleet.hosts[0].sh("systemctl start etcd", check=False).status, "it began by itself"
    fleet.play("restore", "-e", f"crony_restore_from={os.path.relpath(snapshot, REPOSITORY)}")

    restored = int(time.time())
    assert {job["job"] for job in fleet.asked("jobs")["jobs"]} == set(jobs)
    fleet.until(lambda: _have_run_after(fleet, restored) == set(jobs), "the jobs go on")
    assert max(_ends(fleet).values()) == 1
