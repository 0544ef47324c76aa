"""Jobs that a benchmark makes up, without a file that they were read from."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from crony_ops.catalog import Provenance
from crony_ops.model.job import Job
from crony_ops.model.spec import Source, Spec
from crony_ops.sync.syncing import Wish, sync

if TYPE_CHECKING:
    from crony_ops.local.cluster import LocalCluster

IDLE_JOB = Job(
    description="dump the database of team 17",
    schedule="30 2 1 1 *",
    timezone="Asia/Shanghai",
    shell="pg_dump app17 | gzip > /backup/app17-$CRONY_TICK.gz",
    timeout=1800,
)
"""Of the size of a real one, and due once a year."""
_NOWHERE = Source(file="bench.yaml")


def wish_for(jobs: Mapping[str, Job]) -> Wish:
    """That these be all the jobs there are; given twice the same, a sync changes nothing."""
    specs = {job_id: Spec.of(job, _NOWHERE, {}) for job_id, job in jobs.items()}
    return Wish(specs, Provenance(), "bench", "localhost", time.time(), force=True)


async def assign(cluster: LocalCluster, jobs: Mapping[str, Job], timeout: float = 60.0) -> None:
    """Sync them, each new or changed, and wait until the leader has given each to a node so.

    Raises LocalClusterFailed after ``timeout`` seconds.
    """
    _, before = await cluster.store.head()
    await sync(cluster.store, cluster.keys, wish_for(jobs))

    async def all_are_given() -> bool:
        given = (await cluster.store.range(cluster.keys.jobs, keys_only=True)).entries
        return len(given) == len(jobs) and all(each.mod_revision > before for each in given)

    await cluster.wait_until(all_are_given, f"{len(jobs)} jobs have a node", timeout)
