"""From twenty files to the agents' timetables, by the real command line."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import yaml

from tests.faults.scene import Scene, scene

FILES, IN_EACH = 20, 50
CONFIRMED = 2.0


async def sync(it: Scene, jobs: Path) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "crony_ops.cli.main",
        "sync",
        *("--jobs", str(jobs), "--output", "json"),
        *("--endpoints", it.cluster.settings.endpoints[0]),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    document = json.loads(out)
    assert isinstance(document, dict)
    return {name: len(document[name]) for name in ("added", "changed", "removed")}


def write(path: Path, jobs: dict[str, dict[str, Any]]) -> None:
    path.write_text(yaml.safe_dump({"jobs": jobs}))


async def test_a_thousand_jobs_from_twenty_files_are_placed_edited_and_removed(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "catalogue"
    folder.mkdir()
    async with scene(tmp_path, nodes=2) as it:
        for n in range(FILES - 1):
            write(
                folder / f"{n:02}.yaml",
                {f"j{n}-{k}": {"schedule": "@yearly", "shell": "true"} for k in range(IN_EACH)},
            )
        busy = {f"busy-{k}": it.noted("* * * * * *" if k < 3 else "@yearly") for k in range(50)}
        write(folder / "busy.yaml", busy)
        keys, store = it.cluster.keys, it.cluster.store

        assert await sync(it, folder) == {"added": 1000, "changed": 0, "removed": 0}

        async def assigned() -> bool:
            return await store.count(keys.jobs) == 1000

        await it.until(assigned, "a thousand jobs are assigned")
        await it.until(lambda: len(it.starts()) > 3, "the busy ones run")

        specs = (await store.range(keys.specs)).entries
        assert await sync(it, folder) == {"added": 0, "changed": 0, "removed": 0}
        assert (await store.range(keys.specs)).entries == specs

        edited = {**busy, "busy-9": it.noted("@monthly")}
        write(folder / "busy.yaml", edited)
        assert await sync(it, folder) == {"added": 0, "changed": 1, "removed": 0}

        (folder / "busy.yaml").unlink()
        assert await sync(it, folder) == {"added": 0, "changed": 0, "removed": 50}
        removed = time.time()

        async def nothing_left() -> bool:
            held = set(await it.cluster.holders())
            pauses = await store.count(keys.pauses)
            return not held.intersection(busy) and len(held) == 950 and pauses == 0

        await it.until(nothing_left, "the file's jobs are gone")
        assert await store.count(keys.specs) == 950
        await it.until(lambda: time.time() > removed + CONFIRMED + 3, "some of their ticks pass")
        assert not [start for start in it.starts() if start.at > removed + CONFIRMED]
