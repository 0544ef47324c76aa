"""All checks, and what they amount to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crony_ops.fleet.doctor.check_certificates import check_certificates
from crony_ops.fleet.doctor.check_clocks import check_clocks
from crony_ops.fleet.doctor.check_cluster import check_cluster
from crony_ops.fleet.doctor.check_disks import check_disks
from crony_ops.fleet.doctor.check_etcd import check_etcd
from crony_ops.fleet.doctor.check_hosts import check_hosts
from crony_ops.fleet.doctor.check_jobs import check_jobs
from crony_ops.fleet.doctor.check_presets import check_presets
from crony_ops.fleet.doctor.check_units import check_units
from crony_ops.fleet.doctor.check_versions import check_versions
from crony_ops.fleet.doctor.finding import Check, Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from crony_ops.fleet.doctor.facts import Facts

CHECKS: Mapping[Check, Callable[[Facts], list[Finding]]] = {
    Check.etcd: check_etcd,
    Check.cluster: check_cluster,
    Check.hosts: check_hosts,
    Check.units: check_units,
    Check.versions: check_versions,
    Check.clocks: check_clocks,
    Check.presets: check_presets,
    Check.disks: check_disks,
    Check.certificates: check_certificates,
    Check.jobs: check_jobs,
}

_GRAVEST_FIRST = (Verdict.failed, Verdict.warning, Verdict.passed)


def diagnose(facts: Facts) -> tuple[Finding, ...]:
    """The gravest first, and each kind in the order of the checks. A check that has nothing to
    look at says nothing."""
    found = [finding for check in CHECKS.values() for finding in check(facts)]
    return tuple(sorted(found, key=lambda finding: _GRAVEST_FIRST.index(finding.verdict)))


def worst(findings: Sequence[Finding]) -> Verdict:
    """Pass where there are none."""
    verdicts = {finding.verdict for finding in findings}
    return next((verdict for verdict in _GRAVEST_FIRST if verdict in verdicts), Verdict.passed)
