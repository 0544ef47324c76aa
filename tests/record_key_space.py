"""Records the key space of this version from a real cluster: `python -m tests.record_key_space`.

Run once for each release. Later versions must read what is recorded, so a recording is never
changed afterwards.
"""

from __future__ import annotations

import asyncio
import json
import socket
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from crony_ops import __version__
from crony_ops.catalog import load_catalog
from crony_ops.local.cluster import LocalCluster
from crony_ops.model.cluster import Rebalance
from crony_ops.model.node import Cordon, Pause
from crony_ops.model.run import Kill
from crony_ops.model.system import SWITCHED_ON, SystemInfo
from crony_ops.store import Mirror

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crony_ops.store import Change

RECORDINGS = Path(__file__).parent / "data" / "key_space"
ROOT = "/crony/"
MOST_OF_A_KIND = 4
WHOLE_SHELL: dict[str, Any] = {
    "description": "every field of a shell job",
    "labels": {"team": "db"},
    "schedule": "30 2 * * *",
    "timezone": "Asia/Shanghai",
    "shell": "true",
    "interpreter": "/bin/sh -c",
    "run_on": {"group": "web"},
    "presets": ["env"],
    "user": "nobody",
    "workdir": "/",
    "env": {"A": "b"},
    "umask": "027",
    "nice": 5,
    "timeout": "30m",
    "retries": {
        "count": 3,
        "delay": "1s",
        "backoff": "exponential",
        "max_delay": "5s",
        "jitter": "1s",
        "retry_on": [1, 2],
    },
    "concurrency": "allow",
    "max_concurrent": 2,
    "misfire": {"policy": "all", "grace": "1h", "max": 10},
    "on_node_loss": "rerun",
    "splay": "10s",
    "success": {"exit_codes": [0, 3], "forbid_output": "ERROR"},
    "notify": {
        "to": ["ops@example.com"],
        "on": ["failure", "recovery"],
        "channels": ["mail"],
        "after": 2,
        "remind": "2h",
        "slow": "auto",
        "runbook": "https://wiki.example.com/x",
    },
    "maintenance": [{"schedule": "0 2 * * 0", "duration": "2h"}],
}
WHOLE_HTTP: dict[str, Any] = {
    "schedule": "@every 90s",
    "http": {
        "method": "POST",
        "url": "https://app.example.com/warm",
        "query": {"q": "1"},
        "headers": {"X-Token": "${file:/etc/token}"},
        "body": "{}",
        "expect": [200],
        "expect_body": "ok",
        "connect_timeout": "3s",
        "max_redirects": 1,
        "ca_file": "/etc/ca.pem",
        "client_cert": "/etc/cert.pem",
        "client_key": "/etc/key.pem",
    },
}
JOBS: dict[str, Any] = {
    "whole-shell": WHOLE_SHELL,
    "whole-http": WHOLE_HTTP,
    "fine": {"schedule": "* * * * * *", "shell": "echo fine"},
    "failing": {
        "schedule": "*/2 * * * * *",
        "shell": "echo no >&2; exit 3",
        "retries": {"count": 1, "delay": "1s"},
    },
    "killed": {"schedule": "*/3 * * * * *", "shell": "kill -9 $$"},
    "long": {"schedule": "*/4 * * * * *", "shell": "sleep 30", "on_node_loss": "rerun"},
    "bound": {"schedule": "* * * * * *", "shell": "true", "run_on": {"node": "node-2"}},
    "everywhere": {"schedule": "*/2 * * * * *", "shell": "true", "run_on": {"every": True}},
    "nowhere": {"schedule": "* * * * *", "shell": "true", "run_on": {"group": "none"}},
}


def kind_of(key: str) -> str:
    """What stands under a key: the first word behind the root, and where that says too little,
    what tells one kind from the other."""
    words = key.removeprefix(ROOT).split("/")
    if words[0] == "system":
        return f"system/{words[-1]}"
    if words[0] == "failover":
        return "failover/job" if len(words) == 4 else "failover"
    if words[0] == "run":
        return "run/gap" if "-m" in words[-1].partition("@")[0] else "run"
    return words[0]


async def record() -> dict[str, str]:
    """Every key that is seen, by its newest value."""
    seen: dict[str, str] = {}

    def take(changes: Sequence[Change]) -> None:
        seen.update({c.key: c.new.value.decode() for c in changes if c.new is not None})

    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        (folder / "presets").mkdir()
        (folder / "presets" / "env.sh").write_text('echo A=1 >"$CRONY_PRESET_ENV"\n')
        (folder / "presets" / "bad.sh").write_text("exit 4\n")
        (folder / "jobs").mkdir()
        (folder / "jobs" / "all.yaml").write_text(yaml.safe_dump({"jobs": JOBS}))
        async with LocalCluster(
            folder / "cluster", nodes=2, presets=sorted((folder / "presets").glob("*.sh"))
        ) as cluster:
            mirror = Mirror(cluster.store, [ROOT], on_change=take)
            mirroring = asyncio.create_task(mirror.run())
            catalog = load_catalog(folder / "jobs")
            assert not catalog.problems, catalog.problems
            try:
                await cluster.sync(catalog)
                await _live_through(cluster, seen)
            finally:
                mirroring.cancel()
                await asyncio.wait([mirroring])
    return {key: value.replace(f"{folder}/", "") for key, value in seen.items()}


async def _live_through(cluster: LocalCluster, seen: dict[str, str]) -> None:
    keys, store, now = cluster.keys, cluster.store, time.time()

    def shown(kind: str, holding: str = "") -> bool:
        return any(kind_of(key) == kind and holding in key for key in seen)

    await cluster.wait_until(lambda: shown("open", "/long/"), "the long one runs", 30)
    await store.put(keys.once("fine"), b"")
    order = Kill(who="ann", at=now, why="too long", signal="INT")
    await store.put(keys.kill("u", "long", "20261122T160000Z-s"), order.to_json())
    await store.put(keys.rebalance, Rebalance(who="ann", at=now).to_json())
    await store.put(keys.system_switch(cluster.uuid("node-1")), SWITCHED_ON)
    info = SystemInfo(at=now, uptime=5, cpu=12.5, load=(0.5, 0.4, 0.3), memory_total=1, running=2)
    await store.put(keys.system_info("u"), info.to_json())
    cordon = Cordon(who="ann", at=now, why="disk", evict=False)
    await store.put(keys.cordon("u"), cordon.to_json())
    pause = Pause(who="ann", at=now, why="noisy", until=now + 3600)
    await store.put(keys.pause("killed"), pause.to_json())
    cluster.node("node-2").kill()
    await cluster.wait_until(lambda: shown("failover/job"), "node-2 is failed over", 30)
    cluster.node("node-2").start()
    for kind in ("run/gap", "queue", "alert", "proc", "roster", "news", "health"):
        await cluster.wait_until(lambda kind=kind: shown(kind), f"there is {kind}", 30)


def small(seen: dict[str, str]) -> dict[str, str]:
    """A few of each kind and job, with nothing in it of the machine that it was recorded on."""
    kept: dict[str, str] = {}
    counts: dict[tuple[str, ...], int] = {}
    for key in sorted(seen):
        about = (kind_of(key), *[job for job in JOBS if f"/{job}" in key])
        counts[about] = counts.get(about, 0) + 1
        if counts[about] <= MOST_OF_A_KIND:
            kept[key] = seen[key].replace(socket.gethostname(), "ops-1")
    assert "/tmp/" not in "".join(kept.values())
    return kept


def main() -> None:
    kept = small(asyncio.run(record()))
    RECORDINGS.mkdir(parents=True, exist_ok=True)
    path = RECORDINGS / f"{__version__}.json"
    path.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{len(kept)} keys in {path}")  # noqa: T201 - a script


if __name__ == "__main__":
    main()
