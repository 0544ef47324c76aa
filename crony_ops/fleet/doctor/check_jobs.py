"""Whether the stored jobs are those of the files here, and of the last sync."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crony_ops.fleet.doctor.finding import Check, Finding, passed, warns
from crony_ops.fleet.doctor.words import counted, some, span
from crony_ops.sync.plan import digest_of

if TYPE_CHECKING:
    from crony_ops.fleet.doctor.facts import ClusterFacts, Facts


def check_jobs(facts: Facts) -> list[Finding]:
    cluster = facts.cluster
    if cluster is None:
        return []
    if cluster.sync is None:
        return [
            warns(Check.jobs, "", "nothing was ever synced: there are no jobs", "crony-ops sync")
        ]
    found = [*_by_hand(cluster), *_files(facts, cluster)]
    if found:
        return found
    last = (
        f"sync {cluster.sync.commit[:7] or 'of no commit'} {span(facts.now - cluster.sync.at)} ago"
    )
    here = "" if facts.job_sums is None else ", and those of the files here"
    return [passed(Check.jobs, f"{counted(len(cluster.specs), 'job')} as of {last}{here}")]


def _by_hand(cluster: ClusterFacts) -> list[Finding]:
    # After a sync that prunes nothing more may be stored than it wanted: then it can't be told.
    last = cluster.sync
    if last is None or len(cluster.specs) != last.jobs or digest_of(cluster.specs) == last.digest:
        return []
    says = "the stored jobs are not those of the last sync: something else has written them"
    return [warns(Check.jobs, "", says, "crony-ops plan; crony-ops sync puts them right")]


def _files(facts: Facts, cluster: ClusterFacts) -> list[Finding]:
    if facts.job_sums is None:
        return []
    stored = {job_id: spec.sha256 for job_id, spec in cluster.specs.items()}
    differ = sorted(
        job_id
        for job_id in stored.keys() | facts.job_sums.keys()
        if stored.get(job_id) != facts.job_sums.get(job_id)
    )
    if not differ:
        return []
    git = f" ({facts.drift})" if facts.drift else ""
    is_one = len(differ) == 1
    says = f"{counted(len(differ), 'job')} {'is' if is_one else 'are'} not as in the files here"
    return [warns(Check.jobs, "", f"{says}: {some(differ)}{git}", "crony-ops plan")]
