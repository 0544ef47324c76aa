"""Which etcd is started."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from crony_ops.local.etcd import etcd_on_path

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_script_in_the_first_folder_hides_no_etcd_in_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = {"venv": b"#!/usr/bin/python3\n", "distribution": b"\x7fELF"}
    for name, begins in programs.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "etcd").write_bytes(begins)
        (tmp_path / name / "etcd").chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join(str(tmp_path / name) for name in programs))
    assert etcd_on_path() == tmp_path / "distribution/etcd"
