"""Whether each host could be looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crony_ops.fleet.doctor.finding import Check, Finding, fails, passed, warns
from crony_ops.fleet.doctor.words import counted

if TYPE_CHECKING:
    from crony_ops.fleet.doctor.facts import Facts


def check_hosts(facts: Facts) -> list[Finding]:
    if facts.hosts is None:
        says = "no inventory: units, clocks, disks and files of hosts were not looked at"
        return [warns(Check.hosts, "", says, "crony-ops doctor --inventory PATH")]
    if not facts.hosts:
        says = "the inventory has no such host in its groups etcd, watchers and nodes"
        return [warns(Check.hosts, "", says, "ansible-inventory --graph")]
    found = [
        fails(Check.hosts, host.name, host.error, f"ssh {host.login}")
        for host in facts.hosts
        if host.facts is None
    ]
    found += [
        warns(
            Check.hosts,
            host.name,
            "not looked at as root: what only root may read there is not known",
            f"let it `sudo -n`: ssh {host.login} sudo -n true",
        )
        for host, said in facts.seen
        if not said.root
    ]
    return found or [passed(Check.hosts, f"{counted(len(facts.hosts), 'host')} looked at over ssh")]
