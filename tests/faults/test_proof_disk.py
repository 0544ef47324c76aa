"""A disk of its own for one process: full while it is filled, gone with its holder."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from crony_ops.local.waiting import wait_until
from tests.faults.proof.disk import Disk, holder_command, inside, may_mount


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    if not may_mount():
        pytest.skip("only root may mount a disk")
    process = subprocess.Popen(holder_command(tmp_path))
    yield process
    process.kill()
    process.wait()


async def test_who_writes_to_it_fails_while_it_is_full_and_only_then(
    holder: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    disk = Disk(holder.pid, tmp_path)
    await wait_until(lambda: disk.mounted, "the disk", 10)

    def is_written(name: str) -> bool:
        command = ["sh", "-c", f"echo words >{tmp_path}/{name}"]
        return subprocess.run(inside(holder.pid, command), check=False).returncode == 0

    assert is_written("before")
    disk.fill()
    assert not is_written("meanwhile")
    disk.empty()
    assert is_written("after")
    assert not (tmp_path / "after").exists(), "it is on that disk, and on no other"
