"""A key space full of garbage: a real agent and a real watcher live, do their work, and say what
they passed over; and whoever looks is answered."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

from crony_ops.local.cluster import LocalCluster
from crony_ops.model.alert import Alert, Cause
from crony_ops.model.run import RunRecord, read_run
from crony_ops.model.spec import Source, Spec
from tests.unit.garbage import PREFIXES, RECORDED
from tests.unit.watcher.picture import http_job

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from crony_ops.store import Etcd
    from crony_ops.store.keys import Keys

NOISE = b"\xff no record of ours"
TAILS = ("x", "x/y", "x/y/z", "x/y/z/w", "UPPER", "\udcff\udcfe", "x/zz/y", "/", "\x1b[2J")
SOUND = "sound"
RUNS = 4
MOST_LINES_OF_A_KEY = 3
"""In a log: who reads a value for two reasons may say so twice."""


def garbage(keys: Keys, uuid: str) -> Iterator[tuple[str, bytes]]:
    """Noise and stray records beneath every prefix, and in the very place of what the node and the
    sound job's neighbours have."""
    for prefix in PREFIXES:
        for number, tail in enumerate(TAILS):
            near = [v for k, v in RECORDED.items() if k.startswith(prefix)]
            stray = near[number % len(near)] if near else b"{}"
            yield prefix + tail, NOISE if number % 2 else stray
    for number, (key, value) in enumerate(sorted(RECORDED.items())):
        # Who stands in a node's place or a leader's, or calls the key space something else, is one.
        if key not in (keys.meta, keys.leader, keys.node(uuid)):
            yield key, NOISE if number % 3 else value[: len(value) // 2]
    for tail in TAILS:
        for prefix in (keys.jobs_of(uuid), keys.open_on(uuid), keys.kills_on(uuid)):
            yield prefix + tail, NOISE
        yield keys.queue_of(SOUND) + tail, NOISE
        yield keys.runs_of(SOUND) + tail, NOISE
        yield keys.all_news + f"{SOUND}/{tail}", NOISE
    for key in (keys.health(SOUND), keys.roster(uuid), keys.system_switch(uuid), keys.sync):
        yield key, NOISE


async def runs_of(store: Etcd, keys: Keys, job_id: str) -> list[RunRecord]:
    found = []
    for entry in (await store.range(keys.runs_of(job_id))).entries:
        try:
            record = read_run(entry.value)
        except ValueError:
            continue
        if isinstance(record, RunRecord) and record.job_id == job_id and record.succeeded:
            found.append(record)
    return found


async def said(cluster: LocalCluster, *command: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "crony_ops.cli.main", *command),
        *("--endpoints", cluster.settings.endpoints[0]),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0, out
    return out.decode()


async def test_the_good_work_is_done_and_the_garbage_named(tmp_path: Path) -> None:
    async with LocalCluster(tmp_path, nodes=1) as cluster:
        keys, store, uuid = cluster.keys, cluster.store, cluster.uuid("node-1")
        for key, value in garbage(keys, uuid):
            await store.put(key, value)
        for child in (cluster.node("node-1"), cluster.watcher(1)):
            child.restart()  # they meet it in their watch, and now in their listing
        job = http_job(schedule="* * * * * *", shell="true", http=None)
        sound = Spec.of(job, Source(file="jobs/x.yaml"), {})
        await store.put(keys.spec(SOUND), sound.to_json())

        async def runs() -> bool:
            return len(await runs_of(store, keys, SOUND)) >= RUNS

        await cluster.wait_until(runs, f"{SOUND} runs beside the garbage", 60)
        alerts = [
            Alert.from_json(entry.value)
            for entry in (await store.range(keys.alerts)).entries
            if entry.value.startswith(b'{"id":"unreadable')
        ]
        assert {Cause.value_unreadable, Cause.spec_rejected} <= {alert.cause for alert in alerts}
        for child in (cluster.node("node-1"), cluster.watcher(1)):
            assert child.alive
            not_flooded(child.log)
        status: dict[str, Any] = json.loads(await said(cluster, "status", "--output", "json"))
        assert {keys.pause("x/y"), keys.alert("x/y")} <= set(status["unreadable"])
        for look in (("jobs",), ("nodes",), ("alerts",), ("history", SOUND), ("next",)):
            await said(cluster, *look)


def not_flooded(log: str) -> None:
    assert "Traceback" not in log
    lines = Counter(line[line.index("/crony/") :] for line in log.splitlines() if "/crony/" in line)
    assert lines
    assert max(lines.values()) <= MOST_LINES_OF_A_KEY, lines.most_common(5)
