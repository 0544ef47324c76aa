"""Watchers die, freeze and come back: failover happens once, whoever leads."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.faults.scene import Scene, scene

if TYPE_CHECKING:
    from crony_ops.store import Entry

TTL = 3
MANY = 500


def many(count: int) -> dict[str, dict[str, object]]:
    return {
        f"job-{n:03}": {"schedule": "@yearly", "http": {"url": "http://127.0.0.1:9/"}}
        for n in range(count)
    }


async def test_a_node_that_dies_while_no_watcher_runs_is_failed_over_later(tmp_path: Path) -> None:
    jobs = many(6)
    async with scene(tmp_path, nodes=2) as it:
        await it.sync(jobs)
        await it.all_assigned(jobs)
        it.cluster.watcher(1).kill()
        it.cluster.node("node-1").kill()

        async def node_is_gone() -> bool:
            return set(await it.cluster.living_nodes()) == {"node-2"}

        await it.until(node_is_gone, "the node's lease has run out")
        it.cluster.watcher(1).start()

        async def all_moved() -> bool:
            holders = await it.cluster.holders()
            return set(holders) == set(jobs) and set(holders.values()) == {("node-2",)}

        await it.until(all_moved, "all jobs are on the living node")


async def test_the_next_leader_finishes_a_failover_with_one_alert_and_the_right_counts(
    tmp_path: Path,
) -> None:
    jobs = many(MANY)
    async with scene(tmp_path, nodes=3, watchers=2) as it:
        await it.sync(jobs)
        await it.all_assigned(jobs)
        before = await it.cluster.holders()
        theirs = {job for job, holders in before.items() if holders == ("node-1",)}
        leader = it.cluster.node(await it.cluster.leader())
        it.cluster.node("node-1").kill()
        keys = it.cluster.keys
        uuid = it.cluster.uuid("node-1")

        async def half_done() -> bool:
            left = await it.cluster.store.count(keys.jobs_of(uuid))
            return left < len(theirs)

        await it.until(half_done, "the failover is under way")
        leader.kill()

        async def closed() -> bool:
            return any(f.closed_at is not None for f in await it.failovers())

        await it.until(closed, "the failover is closed", timeout=30)
        holders = await it.cluster.holders()
        assert set(holders) == set(jobs)
        assert {len(nodes) for nodes in holders.values()} == {1}
        assert not any(nodes == ("node-1",) for nodes in holders.values())
        [failover] = await it.failovers()
        assert (failover.moved, failover.failed) == (len(theirs), 0)
        told = [alert for alert in await it.alerts() if alert.cause == "node lost"]
        assert len(told) == 1
        assert f"{len(theirs)} jobs moved" in told[0].message


async def test_a_frozen_leader_is_replaced_within_its_ttl_and_writes_nothing_afterwards(
    tmp_path: Path,
) -> None:
    jobs = many(4)
    async with scene(tmp_path, nodes=2, watchers=2) as it:
        await it.sync(jobs)
        await it.all_assigned(jobs)
        first = await it.cluster.leader()
        it.cluster.node(first).freeze()

        async def another_leads() -> bool:
            return await it.cluster.leader() not in ("", first)

        took = await it.until(another_leads, "another watcher leads")
        assert took <= TTL + 1.0
        # Something to decide on for whoever believes to lead.
        it.cluster.node("node-1").kill()

        async def moved() -> bool:
            return set((await it.cluster.holders()).values()) == {("node-2",)}

        await it.until(moved, "the new leader moves the jobs")

        async def closed() -> bool:
            return all(f.closed_at is not None for f in await it.failovers())

        await it.until(closed, "the new leader has nothing left to write")
        settled = await leaders_keys(it)
        it.cluster.node(first).thaw()

        async def registered_again() -> bool:
            found = await it.cluster.store.get(it.cluster.keys.watcher(first))
            return found is not None and found.create_revision > settled_at

        settled_at = max(entry.mod_revision for entry in settled)
        await it.until(registered_again, "the thawed watcher stands by")
        assert await leaders_keys(it) == settled
        assert await it.cluster.leader() != first


async def leaders_keys(it: Scene) -> list[Entry]:
    """What only a leader writes."""
    keys, found = it.cluster.keys, []
    for prefix in (keys.jobs, keys.cursors, keys.failovers, keys.alerts, keys.rosters, keys.leader):
        found += (await it.cluster.store.range(prefix)).entries
    return found


async def test_a_standby_takes_over_from_a_killed_leader(tmp_path: Path) -> None:
    async with scene(tmp_path, nodes=1, watchers=2) as it:
        first = await it.cluster.leader()
        it.cluster.node(first).kill()
        killed = time.monotonic()

        async def another_leads() -> bool:
            return await it.cluster.leader() not in ("", first)

        await it.until(another_leads, "the standby leads")
        assert time.monotonic() - killed <= TTL + 1.0
