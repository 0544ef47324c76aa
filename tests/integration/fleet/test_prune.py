"""Which builds of the program stay on a host when a newer one is installed."""

from __future__ import annotations

import mmap
import os
import subprocess
from pathlib import Path

import pytest

PRUNE = Path(__file__).parents[3] / "roles/crony_package/files/prune.sh"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """0.1.0 to 0.6.0, the oldest first, with 0.6.0 in force."""
    for age, version in enumerate(("0.6.0", "0.5.0", "0.4.0", "0.3.0", "0.2.0", "0.1.0")):
        build = tmp_path / f"{version}-aa{age}"
        build.mkdir()
        (build / "module.so").write_bytes(b"\0" * 4096)
        os.utime(build, (1e9 - age, 1e9 - age))
        (tmp_path / version).symlink_to(build.name)
    (tmp_path / "current").symlink_to("0.6.0")
    return tmp_path


def prune(root: Path, keep: int, build: str) -> list[str]:
    """The versions that are left."""
    subprocess.run(["sh", str(PRUNE), str(root), str(keep), build], check=True)
    left = sorted(path.name.partition("-")[0] for path in root.glob("*-*"))
    assert sorted(path.name for path in root.iterdir() if path.is_symlink()) == [*left, "current"]
    return left


def test_the_newest_stay(root: Path) -> None:
    assert prune(root, 3, "0.6.0-aa0") == ["0.4.0", "0.5.0", "0.6.0"]
    assert prune(root, 3, "0.6.0-aa0") == ["0.4.0", "0.5.0", "0.6.0"]


def test_so_do_what_is_in_force_and_what_was_just_asked_for(root: Path) -> None:
    (root / "current").unlink()
    (root / "current").symlink_to("0.1.0")
    assert prune(root, 1, "0.2.0-aa4") == ["0.1.0", "0.2.0", "0.6.0"]


def test_and_what_a_process_still_uses(root: Path) -> None:
    with (root / "0.3.0-aa3/module.so").open("rb") as module:
        used = mmap.mmap(module.fileno(), 0, access=mmap.ACCESS_READ)
        assert prune(root, 1, "0.6.0-aa0") == ["0.3.0", "0.6.0"]
        used.close()
    assert prune(root, 1, "0.6.0-aa0") == ["0.6.0"]
