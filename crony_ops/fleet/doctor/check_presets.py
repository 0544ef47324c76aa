"""Whether the presets that jobs want are those that nodes offer, and those that lie on hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crony_ops.fleet.doctor.finding import Check, Finding, fails, passed, warns
from crony_ops.fleet.doctor.words import counted, some

if TYPE_CHECKING:
    from crony_ops.fleet.doctor.facts import ClusterFacts, Facts


def check_presets(facts: Facts) -> list[Finding]:
    cluster = facts.cluster
    if cluster is None:
        return []
    wanted: dict[tuple[str, str], list[str]] = {}
    for job_id, spec in sorted(cluster.specs.items()):
        for preset in (spec.preset_sums or {}).items():
            wanted.setdefault(preset, []).append(job_id)
    found = [
        *(
            finding
            for preset, jobs in wanted.items()
            for finding in _nowhere(cluster, preset, jobs)
        ),
        *_failed(cluster),
        *_files(facts, wanted),
    ]
    if found:
        return found
    says = f"the {counted(len(wanted), 'preset')} that jobs want stand ready at the sums wanted"
    return [passed(Check.presets, says if wanted else "no job wants one")]


def _nowhere(cluster: ClusterFacts, preset: tuple[str, str], jobs: list[str]) -> list[Finding]:
    name, total = preset
    if any(total in node.presets.get(name, ()) for node in cluster.nodes.values()):
        return []
    says = f"{name} at {total[:12]} is ready nowhere; {some(jobs)} can't run"
    return [fails(Check.presets, "", says, "crony-ops rollout presets, or crony-ops sync")]


def _failed(cluster: ClusterFacts) -> list[Finding]:
    return [
        fails(
            Check.presets,
            node.name,
            f"{name} is not ready: {failure.reason}",
            f"mend the script, then crony-ops rollout presets --limit {node.name}",
        )
        for node in sorted(cluster.nodes.values(), key=lambda node: node.name)
        for name, failure in sorted(node.preset_failures.items())
    ]


def _files(facts: Facts, wanted: dict[tuple[str, str], list[str]]) -> list[Finding]:
    found = []
    names = {name for name, _ in wanted}
    for host, said in facts.seen:
        node = facts.node_named(host.name)
        if node is None or said.presets is None:
            continue
        for name, total in sorted(said.presets.items()):
            if name in names and (name, total) not in wanted:
                sums = some([each[:12] for preset, each in wanted if preset == name])
                says = f"{name}.sh is {total[:12]} there, and jobs want {sums}"
                hint = f"crony-ops rollout presets --limit {host.name}, or crony-ops sync"
                found.append(warns(Check.presets, host.name, says, hint))
            elif total not in node.presets.get(name, ()) and name not in node.preset_failures:
                says = f"{name}.sh lies there, and its agent does not offer it (yet)"
                hint = f"crony-ops nodes {host.name}; ssh {host.login} journalctl -u crony-node"
                found.append(warns(Check.presets, host.name, says, hint))
        for name in sorted(node.presets.keys() - said.presets.keys()):
            says = f"its agent offers {name}, and no such script lies there (any more)"
            found.append(
                warns(Check.presets, host.name, says, f"crony-ops nodes {host.name}, in a minute")
            )
    return found
