"""Whether all run the same version, and the one that is installed."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from crony_ops.fleet.doctor.finding import Check, Finding, passed, warns
from crony_ops.fleet.doctor.words import counted

if TYPE_CHECKING:
    from crony_ops.fleet.doctor.facts import Facts


def check_versions(facts: Facts) -> list[Finding]:
    if facts.cluster is None:
        return []
    running = {f"agent {n.name}": n.version for n in facts.cluster.nodes.values() if n.version}
    running |= {f"watcher {w.id}": w.version for w in facts.cluster.watchers if w.version}
    found = []
    for host, said in facts.seen:
        node = facts.node_named(host.name)
        installed = said.installed.partition("-")[0]  # a build is called `1.2.0-5e1965f8`
        if node and node.version and installed and node.version != installed:
            says = f"its agent runs {node.version}, and {installed} is installed"
            hint = f"ssh {host.login} systemctl restart crony-node"
            found.append(warns(Check.versions, host.name, says, hint))
    counts = Counter(running.values())
    if len(counts) > 1:
        usual = counts.most_common(1)[0][0]
        others = [
            f"{who} {version}" for who, version in sorted(running.items()) if version != usual
        ]
        says = f"most run {usual}, but {', '.join(others[:5])}"
        found.append(warns(Check.versions, "", says, "finish the upgrade: crony-ops rollout"))
    if counts and facts.version not in counts:
        says = f"this crony-ops is {facts.version}, and nobody in the cluster is"
        hint = "upgrade the older side first as docs/upgrade.md has it"
        found.append(warns(Check.versions, "here", says, hint))
    if found or not counts:
        return found
    daemons = counted(len(running), "daemon")
    return [passed(Check.versions, f"{daemons} and this crony-ops are {facts.version}")]
