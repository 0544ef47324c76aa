"""`crony-ops plan` and `sync` as people and pipelines call them: real processes, real etcd."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from crony_ops.store import Etcd, EtcdSettings
    from crony_ops.store.keys import Keys
    from tests.integration.sync.folder import Repository


class CommandLine:
    def __init__(self, settings: EtcdSettings, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("CRONY_")},
            "HOME": str(folder),
            "CRONY_ETCD_ENDPOINTS": ",".join(settings.endpoints),
            "CRONY_ETCD_PREFIX": settings.prefix,
        }

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "crony_ops.cli.main", *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *arguments: str, status: int = 0) -> tuple[str, str]:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=60)
        assert process.returncode == status, (out, err)
        assert "Traceback" not in err
        return out, err


@pytest.fixture
def crony_ops(store_settings: EtcdSettings, repository: Repository) -> CommandLine:
    return CommandLine(store_settings, repository.root)


def test_plan_then_sync_then_nothing_to_do(crony_ops: CommandLine, repository: Repository) -> None:
    repository.write("a.yaml", one="true", two="true")
    commit = repository.commit()
    out, _ = crony_ops("plan", "--exit-code", status=3)
    assert out.splitlines()[0].startswith("+ one  jobs/a.yaml:")
    assert out.splitlines()[-1].startswith("2 to add, 0 to change, 0 to remove, 0 unchanged")

    document = json.loads(crony_ops("sync", "--output", "json")[0])
    assert [job["job"] for job in document["added"]] == ["one", "two"]
    assert document["sync"]["commit"] == commit

    out, _ = crony_ops("plan", "--exit-code")
    assert "2 unchanged" in out
    assert f"against sync {commit[:7]} of " in out


async def test_dry_run_and_plan_write_nothing(
    crony_ops: CommandLine, repository: Repository, etcd: Etcd, keys: Keys
) -> None:
    repository.write("a.yaml", one="true")
    out, _ = crony_ops("sync", "--dry-run")
    assert out.startswith("+ one")
    out, _ = crony_ops("plan", "--format", "markdown")
    assert "| `+` | `one` |" in out
    assert await etcd.count(f"{keys.root}/") == 0


async def test_a_broken_file_changes_nothing(
    crony_ops: CommandLine, repository: Repository, etcd: Etcd, keys: Keys
) -> None:
    repository.write("a.yaml", one="true")
    broken = '{"jobs": {"two": {"schedul": "* * * * *", "shell": "true"}}}'
    (repository.jobs / "b.yaml").write_text(broken)
    (repository.jobs / "c.yaml").write_text("jobs: [")
    out, err = crony_ops("sync", status=2)
    assert out == ""
    assert "jobs/b.yaml:1:" in err
    assert "jobs/c.yaml:1:" in err
    assert err.splitlines()[-1].startswith("crony-ops: ")
    assert await etcd.count(f"{keys.root}/") == 0


def test_etcd_that_is_down_is_one_line(crony_ops: CommandLine, repository: Repository) -> None:
    repository.write("a.yaml", one="true")
    crony_ops.environment["CRONY_ETCD_REQUEST_TIMEOUT"] = "0.5"
    _, err = crony_ops("plan", "--endpoints", "127.0.0.1:1", status=1)
    assert err.startswith("crony-ops: etcd can't be reached at 127.0.0.1:1")
    assert len(err.splitlines()) == 1


@pytest.mark.timeout(120)
async def test_a_sync_killed_half_way_is_completed_by_the_next(
    crony_ops: CommandLine, repository: Repository, etcd: Etcd, keys: Keys
) -> None:
    repository.write_many(files=40, jobs_each=100)
    process = crony_ops.start("sync")
    async with asyncio.timeout(60):
        while await etcd.count(keys.specs) == 0:  # noqa: ASYNC110 - another process writes
            await asyncio.sleep(0.001)
    process.kill()
    process.communicate()
    written = await etcd.count(keys.specs)
    assert 0 < written < 4000
    assert await etcd.get(keys.sync) is None

    begun = time.monotonic()
    out, err = crony_ops("sync")
    assert out.splitlines()[-1].startswith(f"{4000 - written:,} added, 0 changed, 0 removed")
    assert "waiting for the sync of" in err
    assert time.monotonic() - begun < 30
    assert await etcd.count(keys.specs) == 4000
    assert await etcd.get(keys.sync_lock) is None
