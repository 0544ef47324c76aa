"""People hear of a run that hangs while it hangs."""

from __future__ import annotations

from pathlib import Path

from crony_ops.model.alert import Cause
from tests.faults.scene import scene


async def test_a_run_that_hangs_is_told_of_while_it_is_under_way(tmp_path: Path) -> None:
    jobs = {
        "hangs": {"schedule": "@every 1s", "shell": "sleep 600", "notify": {"slow": "1s"}},
        "ends": {"schedule": "@every 1s", "shell": "true", "notify": {"slow": "1s"}},
    }
    looks_often = {"watcher": {"reconcile_every": 0.5}}
    async with scene(tmp_path, nodes=1, watchers=1, overrides=looks_often) as it:
        await it.sync(jobs)

        async def is_told_of() -> bool:
            return any(alert.cause == Cause.slow for alert in await it.alerts())

        await it.until(is_told_of, "somebody is told")
        told = [alert for alert in await it.alerts() if alert.cause == Cause.slow]
        opened = (await it.cluster.store.range(it.cluster.keys.opens)).entries
        assert [alert.job for alert in told] == ["hangs"]
        assert any(entry.key.endswith(f"/hangs/{told[0].run_id}") for entry in opened)
        assert told[0].title == "a run of job hangs does not end"
