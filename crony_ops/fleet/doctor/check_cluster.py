"""Whether those who should be there are, and whether what hangs on a lease has somebody alive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crony_ops.fleet.doctor.finding import Check, Finding, fails, passed, warns
from crony_ops.fleet.doctor.words import counted, some, span

if TYPE_CHECKING:
    from crony_ops.fleet.doctor.facts import ClusterFacts, Facts, HostFacts

# An agent renews its key each third of its TTL; this is many times over the usual one.
_SILENT_FOR = 60.0
# What is kept for a day hangs on a lease, too, which is left behind when it is wanted again: that
# is nobody's, and no fault.
_DAEMONS_AT_MOST = 3_600


def check_cluster(facts: Facts) -> list[Finding]:
    cluster = facts.cluster
    if cluster is None:
        return []
    found = [
        *_leadership(cluster),
        *_missing(facts, cluster),
        *_lost(facts, cluster),
        *_silent(facts, cluster),
        *_leases(cluster),
        *_open_runs(cluster),
    ]
    if cluster.unreadable:
        says = f"values that can't be read: {some(list(cluster.unreadable))}"
        hint = f"etcdctl get {cluster.unreadable[0]}; a job's: crony-ops sync --force"
        found.append(fails(Check.cluster, "", says, hint))
    return found or [passed(Check.cluster, _well(cluster))]


def _well(cluster: ClusterFacts) -> str:
    leader = cluster.leader.id if cluster.leader else ""
    watchers = f"{leader} leads, {len(cluster.watchers) - 1} stand by"
    leases = "" if cluster.leases is None else f", {counted(len(cluster.leases), 'lease')}"
    return f"{watchers}; {counted(len(cluster.alive), 'agent')} alive{leases}, none left behind"


def _leadership(cluster: ClusterFacts) -> list[Finding]:
    hint = "systemctl status crony-watcher on the watchers; crony-ops rollout watchers"
    if cluster.leader is None:
        says = "no watcher leads: no job is placed, and none leaves a node that dies"
        return [fails(Check.cluster, "", says, hint)]
    if len(cluster.watchers) < 2:
        says = f"{cluster.leader.id} is the only watcher: nobody takes over from it"
        return [warns(Check.cluster, "", says, hint)]
    return []


def _missing(facts: Facts, cluster: ClusterFacts) -> list[Finding]:
    known = {cluster.name_of(uuid) for uuid in cluster.alive | cluster.rosters.keys()}
    return [
        fails(
            Check.cluster,
            host.name,
            "it is in group nodes, and no agent of it was ever seen",
            f"crony-ops rollout nodes --limit {host.name}",
        )
        for host in facts.hosts or ()
        if "nodes" in host.groups and host.name not in known
    ]


def _lost(facts: Facts, cluster: ClusterFacts) -> list[Finding]:
    found = []
    logins = {host.name: host.login for host in facts.hosts or ()}
    for uuid, roster in cluster.rosters.items():
        name = roster.node.name
        if uuid in cluster.alive or (not facts.whole and name not in logins):
            continue
        since = "" if roster.lost_at is None else f" for {span(facts.now - roster.lost_at)}"
        login = logins.get(name, name)
        hint = f"ssh {login} journalctl -u crony-node -n 50; for good: crony-ops forget {name}"
        found.append(fails(Check.cluster, name, f"its agent is lost{since}", hint))
    return found


def _silent(facts: Facts, cluster: ClusterFacts) -> list[Finding]:
    """A key is there, and whoever should keep it does not do well."""
    found = []
    looked = {host.name: said for host, said in facts.seen}
    logins = {host.name: host.login for host in facts.hosts or ()}
    held = None
    if cluster.leases is not None:
        held = {key for lease in cluster.leases for key in lease.keys}
    for uuid, node in sorted(cluster.nodes.items(), key=lambda item: item[1].name):
        name = node.name
        quiet = facts.now - node.renewed_at
        restart = f"ssh {logins.get(name, name)} systemctl restart crony-node"
        if held is not None and cluster.node_keys.get(uuid) not in held:
            says = "its key hangs on no lease: it is never lost, whatever becomes of it"
            hint = f"etcdctl del {cluster.node_keys.get(uuid)}, then {restart}"
            found.append(fails(Check.cluster, name, says, hint))
        elif name in looked and (says := _unwell(looked[name])):
            found.append(fails(Check.cluster, name, says, restart))
        elif quiet > _SILENT_FOR:
            says = f"by its own clock its agent last renewed its key {span(quiet)} ago"
            hint = f"crony-ops nodes {name} --live --once: its clock, or nobody answers"
            found.append(warns(Check.cluster, name, says, hint))
    return found


def _unwell(said: HostFacts) -> str:
    """Of an agent whose unit is active; one that is not is told of with the units."""
    unit, page = said.units.get("crony-node.service"), said.pages.get("crony-node.service")
    if page is None or page.status == 200 or unit is None or unit.active != "active":
        return ""
    reasons = some(list(page.reasons), 2) or "it does not say why"
    if page.status:
        return f"its agent is not well: {reasons}"
    return f"its agent's /healthz does not answer: {reasons}"


def _leases(cluster: ClusterFacts) -> list[Finding]:
    if cluster.leases is None:
        hint = "with a user of etcd's that may know: CRONY_CONFIG names the file of another"
        return [
            warns(Check.cluster, "", f"etcd does not tell its leases: {cluster.leases_error}", hint)
        ]
    idle = [lease for lease in cluster.leases if not lease.keys and lease.ttl <= _DAEMONS_AT_MOST]
    if not idle:
        return []
    longest = max(lease.left for lease in idle)
    is_one = len(idle) == 1
    says = (
        f"{counted(len(idle), 'lease')} {'holds' if is_one else 'hold'} no key: left by somebody "
        f"who died, or who is just beginning"
    )
    ids = some([f"{lease.id:x}" for lease in idle])
    hint = (
        f"in {longest} s {'it is' if is_one else 'they are'} gone; else etcdctl lease revoke {ids}"
    )
    return [warns(Check.cluster, "", says, hint)]


def _open_runs(cluster: ClusterFacts) -> list[Finding]:
    """The leader closes them a moment after a node is lost, but for those that only it can."""
    runs: dict[str, list[str]] = {}
    for node, job_id, run_id in cluster.opens:
        if node not in cluster.alive:
            runs.setdefault(cluster.name_of(node), []).append(f"{job_id} {run_id}")
    return [
        warns(
            Check.cluster,
            name,
            f"{counted(len(of_node), 'run')} open on it without an agent: {some(of_node, 2)}",
            f"start its agent; for good: crony-ops forget {name}",
        )
        for name, of_node in sorted(runs.items())
    ]
