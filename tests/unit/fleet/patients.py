"""A healthy fleet, as data, for the checks to be tried on; a test makes one thing of it ill."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from crony_ops.fleet.doctor.facts import (
    Certificate,
    ClusterFacts,
    Disk,
    Facts,
    HostFacts,
    HostLook,
    Page,
    Unit,
)
from crony_ops.model.cluster import Leader, SyncRecord, Watcher
from crony_ops.model.job import Job
from crony_ops.model.node import Node, Roster
from crony_ops.model.spec import Source, Spec
from crony_ops.store.leases import LeaseStatus
from crony_ops.store.member_status import MemberStatus
from crony_ops.sync.plan import digest_of

NOW = 1_795_372_200.0
DAY = 86_400.0
SUM = "ab" * 32
GIB = 2**30
SPECS = {
    "dump": Spec.of(
        Job.model_validate({"schedule": "@daily", "shell": "x", "presets": ["pg"]}),
        Source(file="jobs/a.yaml"),
        {"pg": SUM},
    )
}


def member(name: str, **fields: Any) -> MemberStatus:
    known = {"version": "3.5.9", "db_size": 2**20, "quota": 2 * GIB, "is_leader": name == "e1"}
    return MemberStatus(name, f"{name}:2379", **{**known, **fields})


def node(name: str, **fields: Any) -> Node:
    known = {"version": "1.2.0", "incarnation": 7, "renewed_at": NOW - 2, "presets": {"pg": (SUM,)}}
    return Node.model_validate({"uuid": f"u-{name}", "name": name, **known, **fields})


def unit(**fields: Any) -> Unit:
    known = {
        "load": "loaded",
        "active": "active",
        "sub": "running",
        "result": "success",
        "restarts": 0,
        "enabled": "enabled",
        "since": NOW - DAY,
    }
    return Unit.model_validate(known | fields)


def disk(**fields: Any) -> Disk:
    known = {"path": "/var/lib/crony", "total": 10 * GIB, "free": 5 * GIB}
    return Disk.model_validate({**known, "files": 10**6, "files_free": 10**6, **fields})


def said(**fields: Any) -> HostFacts:
    """By a host that runs an agent."""
    known: dict[str, Any] = {
        "root": True,
        "installed": "1.2.0-5e1965f8",
        "units": {"crony-node.service": unit()},
        "presets": {"pg": SUM},
        "disks": (disk(),),
        "logs": 2**20,
        "certificates": (),
        "pages": {"crony-node.service": Page(status=200, reasons=())},
        "synchronized": True,
        "at": NOW,
    }
    return HostFacts.model_validate(known | fields)


def host(name: str, facts: HostFacts | None = None, **fields: Any) -> HostLook:
    known = {"groups": frozenset({"nodes"}), "login": name, "asked": NOW - 1, "answered": NOW + 1}
    return HostLook(**{**known, **fields}, name=name, facts=facts)


def cluster(**fields: Any) -> ClusterFacts:
    nodes = fields.pop("nodes", (node("h1"), node("h2"), node("h3")))
    alive = {each.uuid: f"/crony/node/{each.uuid}" for each in nodes}
    known: dict[str, Any] = {
        "nodes": {each.uuid: each for each in nodes},
        "alive": frozenset(alive),
        "rosters": {each.uuid: Roster(node=each, seen_at=NOW) for each in nodes},
        "leader": Leader(id="w1", since=NOW - DAY),
        "watchers": tuple(
            Watcher(id=name, host=name, pid=1, version="1.2.0", started_at=NOW - DAY)
            for name in ("w1", "w2")
        ),
        "specs": SPECS,
        "opens": (),
        "sync": SyncRecord(
            commit="4f1c2e9" + "0" * 33,
            jobs=1,
            digest=digest_of(SPECS),
            generation=1,
            who="ci",
            at=NOW - 7_200,
        ),
        "unreadable": (),
        "node_keys": alive,
        "leases": tuple(
            LeaseStatus(number, 10, 9, (key,)) for number, key in enumerate(alive.values(), 1)
        ),
    }
    return ClusterFacts(**known | fields)


def facts(**fields: Any) -> Facts:
    known: dict[str, Any] = {
        "now": NOW,
        "version": "1.2.0",
        "members": (member("e1"), member("e2"), member("e3")),
        "cluster": cluster(),
        "cluster_error": "",
        "hosts": tuple(host(name, said()) for name in ("h1", "h2", "h3")),
        "whole": True,
        "certificates": (Certificate("node.pem", "h1", NOW - DAY, NOW + 90 * DAY),),
        "job_sums": {job_id: spec.sha256 for job_id, spec in SPECS.items()},
        "drift": "",
    }
    return Facts(**known | fields)


def with_h1(**fields: Any) -> Facts:
    """h1 says something else."""
    healthy = facts()
    assert healthy.hosts is not None
    return replace(healthy, hosts=(host("h1", said(**fields)), *healthy.hosts[1:]))
