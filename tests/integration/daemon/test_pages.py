"""What the daemons say of themselves over HTTP, against what is known to have happened."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp

from crony_ops.daemon.exposition import MOST_CONNECTIONS
from crony_ops.model.run import RunRecord
from tests.integration.daemon.pair import pair

if TYPE_CHECKING:
    from tests.etcd_server import EtcdServer

EVERY_SECOND = "* * * * * *"


async def test_the_counters_tell_what_the_records_tell(
    etcd_server: EtcdServer, tmp_path: Path
) -> None:
    async with pair(tmp_path, etcd_server, ttl=10) as it:
        await it.sync(
            {
                "fine": {"schedule": EVERY_SECOND, "shell": "true"},
                "bad": {"schedule": EVERY_SECOND, "shell": "exit 3"},
                "long": {"schedule": EVERY_SECOND, "shell": "sleep 2.5"},
                "elsewhere": {"schedule": EVERY_SECOND, "shell": "true", "run_on": {"node": "x"}},
            }
        )

        def ends() -> Counter[str]:
            records = it.evidence.records
            return Counter(r.state for r in records if isinstance(r, RunRecord))

        async def some_of_each() -> bool:
            return {"succeeded", "failed", "skipped"} <= ends().keys()

        await it.until(some_of_each, "runs succeed, fail and are skipped")

        def late() -> int:
            return sum(isinstance(r, RunRecord) and r.late > 0 for r in it.evidence.records)

        async def late_after_a_stall() -> bool:
            # A stall that finds nothing claimed ahead makes no run late, only ticks missed.
            it.node.freeze()
            await asyncio.sleep(2.2)  # two ticks, within the lease
            it.node.thaw()
            await asyncio.sleep(2.0)  # for what is late to end, and be told
            return late() > 0

        await it.until(late_after_a_stall, "runs are late")
        watched = await it.scrape(it.watcher)
        assert watched["crony_watcher_leading", ""] == 1
        assert watched["crony_watcher_nodes", "alive"] == 1
        assert watched["crony_watcher_jobs", "assigned"] == 3
        assert watched["crony_watcher_jobs", "unassigned"] == 1
        assert watched["crony_watcher_moves_total", "placed"] == 3
        assert watched["crony_watcher_reconcile_duration_seconds_count", ""] > 0
        held = await it.scrape(it.node)
        assert held["crony_node_jobs", ""] == 3
        assert 0 < held["crony_node_lease_margin_seconds", ""] <= 10

        async def a_job_fails() -> bool:
            return (await it.scrape(it.watcher))["crony_watcher_jobs", "failing"] == 1

        await it.until(a_job_fails, "a job counts as failing")
        await it.sync({})

        async def all_told() -> bool:
            told = await it.scrape(it.node)
            return told["crony_node_runs_under_way", ""] == told["crony_node_jobs", ""] == 0

        await it.until(all_told, "nothing runs any more")
        await it.until(lambda: not it.evidence.pending, "nothing is open any more")
        told = await it.scrape(it.node)
        states = ("succeeded", "failed", "timed_out", "killed", "skipped", "fenced", "lost")
        assert {state: told["crony_node_runs_total", state] for state in states} == {
            state: ends()[state] for state in states
        }
        started = told["crony_node_run_lateness_seconds_count", ""]
        assert started == ends()["succeeded"] + ends()["failed"]
        assert started - told["crony_node_run_lateness_seconds_bucket", "1.0"] == late()
        assert told["crony_node_claims_total", "made"] >= sum(ends().values())
        assert told["crony_node_spool_reports", ""] == 0
        assert told["process_resident_memory_bytes", ""] > 0


async def test_a_daemon_is_unwell_while_etcd_is_away_and_well_again_after(
    etcd_server: EtcdServer, tmp_path: Path
) -> None:
    async with pair(tmp_path, etcd_server) as it:
        etcd_server.kill()
        for daemon in (it.node, it.watcher):
            await it.becomes_unwell(daemon)

        async def leases_ran_out() -> bool:
            of_node, of_watcher = await it.scrape(it.node), await it.scrape(it.watcher)
            return (
                of_node["crony_node_lease_margin_seconds", ""] == 0
                and of_watcher["crony_watcher_leading", ""] == 0
            )

        await it.until(leases_ran_out, "both leases run out")
        _, reasons = await it.health(it.node)
        assert "not registered: no tick is claimed" in reasons
        assert ("crony_watcher_nodes", "alive") not in await it.scrape(it.watcher)
        etcd_server.restart()
        for daemon in (it.node, it.watcher):
            await it.becomes_well(daemon)
        assert (await it.scrape(it.node))["crony_node_registered", ""] == 1


async def test_nothing_but_the_two_pages_is_served_and_connections_are_bounded(
    etcd_server: EtcdServer, tmp_path: Path
) -> None:
    async with pair(tmp_path, etcd_server) as it:
        base = it.node.address()
        async with aiohttp.ClientSession() as http:
            for method, path, status in (
                ("GET", "/", 404),
                ("GET", "/metrics/../etc/passwd", 404),
                ("POST", "/metrics", 405),
                ("DELETE", "/healthz", 405),
                ("HEAD", "/healthz", 200),
            ):
                async with http.request(method, base + path) as answer:
                    assert answer.status == status, (method, path)
        host, port = base.removeprefix("http://").split(":")
        many = [await asyncio.open_connection(host, int(port)) for _ in range(2 * MOST_CONNECTIONS)]

        def left() -> int:
            return sum(not reader.at_eof() for reader, _ in many)

        await it.until(lambda: left() <= MOST_CONNECTIONS, "the rest are turned away")
        for _, writer in many:
            writer.close()
        await it.becomes_well(it.node)


async def test_a_port_that_is_taken_ends_nobody(etcd_server: EtcdServer, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        async with pair(tmp_path, etcd_server) as it:
            await it.node.terminate()
            it.node.configure(listen=taken)
            it.node.start()

            def complaints() -> int:
                return sum(f"no metrics at {taken}" in e["message"] for e in it.node.events())

            await it.until(lambda: complaints() == 1, "it says so")
            await it.sync({"fine": {"schedule": EVERY_SECOND, "shell": "true"}})
            await it.until(lambda: bool(it.evidence.records), "and goes on")
            assert complaints() == 1
