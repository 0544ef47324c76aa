"""A job that asks for what only a newer agent knows fails for that reason: it is never left out."""

from __future__ import annotations

import json
import time
from pathlib import Path

from crony_ops import __version__
from crony_ops.local.cluster import LocalCluster
from crony_ops.model.run import RunRecord, RunState, read_run
from crony_ops.model.spec import Cursor

NEWER = {
    "job": {"schedule": "* * * * * *", "shell": "echo ran", "sandbox": {"network": False}},
    "sha256": "s",
    "spec_revision": 1,
}


async def test_its_ticks_fail_and_say_what_this_version_does_not_know(tmp_path: Path) -> None:
    async with LocalCluster(tmp_path, nodes=1) as cluster:
        keys, store, uuid = cluster.keys, cluster.store, cluster.uuid("node-1")
        cluster.watcher(1).kill()  # a newer leader gave the job; ours would take it away
        await store.put(keys.cursor("newer"), Cursor(tick=int(time.time())).to_json())
        await store.put(keys.job(uuid, "newer"), json.dumps(NEWER).encode())

        async def told() -> bool:
            return bool(await store.count(keys.runs_of("newer")))

        await cluster.wait_until(told, "a tick is told of")
        entry = (await store.range(keys.runs_of("newer"))).entries[0]
        record = read_run(entry.value)
        assert isinstance(record, RunRecord)
        assert record.state is RunState.failed
        assert record.attempts == ()
        assert "job.sandbox" in record.reason
        assert __version__ in record.reason
        assert await store.count(keys.all_news) > 0, "and the alert rules see it"
