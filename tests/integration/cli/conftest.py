"""The real command line, as a process of its own, against a real etcd."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.integration.cli.example_fleet import example_fleet, put_all

if TYPE_CHECKING:
    from crony_ops.store import Etcd, EtcdSettings
    from crony_ops.store.keys import Keys


@dataclass(frozen=True)
class Ended:
    status: int
    out: str
    err: str


class CommandLine:
    def __init__(self, settings: EtcdSettings, folder: Path, **variables: str) -> None:
        self.folder = folder
        self._environment = {
            **{name: v for name, v in os.environ.items() if not name.startswith("CRONY_")},
            "HOME": str(folder),
            "CRONY_ETCD_ENDPOINTS": ",".join(settings.endpoints),
            "CRONY_ETCD_PREFIX": settings.prefix,
            **variables,
        }

    async def __call__(self, *arguments: str, status: int = 0) -> Ended:
        """Run to the end, which must have ``status``."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "crony_ops.cli.main",
            *arguments,
            cwd=self.folder,
            env=self._environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(60):
                out, err = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        ended = Ended(process.returncode or 0, out.decode(), err.decode())
        assert ended.status == status, ended
        assert "Traceback" not in ended.err
        return ended


@pytest_asyncio.fixture
async def fleet(etcd: Etcd, keys: Keys) -> float:
    """The example fleet, put as of now; that moment, in unix seconds."""
    now = time.time()
    await put_all(etcd, example_fleet(keys, now))
    return now


@pytest.fixture
def crony_ops(store_settings: EtcdSettings, tmp_path: Path) -> CommandLine:
    return CommandLine(store_settings, tmp_path)
