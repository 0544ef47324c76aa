"""No broken job file ever reaches etcd: each ends a sync with 2, its errors told at their place."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from crony_ops.cli.main import run
from tests.unit.catalog.test_broken_files import BROKEN, expectations

if TYPE_CHECKING:
    from crony_ops.store import Etcd, EtcdSettings


@pytest.mark.parametrize("file", BROKEN, ids=lambda file: file.stem)
async def test_a_broken_file_ends_the_sync_with_2_and_nothing_is_written(
    file: Path,
    tmp_path: Path,
    etcd: Etcd,
    store_settings: EtcdSettings,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copy(file, tmp_path / file.name)
    endpoint, prefix = store_settings.endpoints[0], store_settings.prefix
    where = ["--endpoints", endpoint, "--prefix", prefix]
    status = await asyncio.to_thread(run, ["sync", "--jobs", str(tmp_path), *where])
    said = "".join(capsys.readouterr())
    assert status == 2
    assert "Traceback" not in said
    for expected in expectations(file):
        assert f"{file.name}:{expected.line}:{expected.column}: " in said
    assert (await etcd.range(f"{prefix}/")).entries == []
