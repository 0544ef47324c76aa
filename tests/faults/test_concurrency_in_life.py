"""A job that replaces its earlier run never has two of them at once."""

from __future__ import annotations

from pathlib import Path

from crony_ops.model.run import RunRecord, RunState
from tests.faults.scene import scene


async def test_replacing_runs_that_are_slow_to_die_never_overlap(tmp_path: Path) -> None:
    overlaps, lock = tmp_path / "overlaps", tmp_path / "lock"
    job = {
        "schedule": "* * * * * *",
        "concurrency": "replace",
        "shell": f"exec 9>{lock}; flock -n 9 || echo again >>{overlaps}; trap '' TERM; sleep 30",
    }
    async with scene(tmp_path, nodes=1, overrides={"node": {"kill_grace": 2.5}}) as it:
        await it.sync({"replacing": job})

        def replaced() -> int:
            runs = [r for r in it.evidence.records if isinstance(r, RunRecord)]
            return sum(r.state is RunState.killed and "replaced by" in r.reason for r in runs)

        await it.until(lambda: replaced() >= 3, "several runs were replaced", timeout=40)
        assert not overlaps.exists()
