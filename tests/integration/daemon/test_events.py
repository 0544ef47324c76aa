"""The daemons' real logs: every line parses, and says what it is about."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from crony_ops.model.run import RunRecord
from tests.integration.daemon.pair import pair

if TYPE_CHECKING:
    from tests.etcd_server import EtcdServer

SECRET = "hunter2-of-the-settings"


async def test_each_event_about_a_run_names_it(etcd_server: EtcdServer, tmp_path: Path) -> None:
    async with pair(tmp_path, etcd_server, env={"TOKEN": SECRET}) as it:
        await it.sync({"fine": {"schedule": "* * * * * *", "shell": "true"}})
        await it.until(lambda: len(it.evidence.records) > 1, "it runs")
        etcd_server.kill()

        def spooled() -> list[dict[str, str]]:
            return [e for e in it.node.events() if "is spooled" in e["message"]]

        await it.until(lambda: bool(spooled()), "an end is spooled")
        assert (await it.scrape(it.node))["crony_node_spool_reports", ""] >= 1
        etcd_server.restart()

        def told() -> list[dict[str, str]]:
            return [e for e in it.node.events() if "is reported from the spool" in e["message"]]

        await it.until(lambda: bool(told()), "and told later")
        for event in (*spooled(), *told()):
            assert event["node"] == "web-1"
            assert event["job"] == "fine"
            assert event["run"] == event["message"].split()[0]

        def recorded() -> bool:
            runs = {r.run_id for r in it.evidence.records if isinstance(r, RunRecord)}
            return {event["run"] for event in told()} <= runs

        await it.until(recorded, "what was told late stands in etcd")
        placed = [e for e in it.watcher.events() if e.get("job") == "fine"]
        assert "fine goes from no node to web-1" in [e["message"] for e in placed]
        assert {e["watcher"] for e in it.watcher.events()} == {"w1"}
        times = [e["time"] for e in it.node.events()]
        assert all(len(t) == len("2026-11-22T16:00:00.123Z") for t in times)
        assert times == sorted(times)
        assert SECRET not in it.node.log
