from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from crony_ops.store import Etcd, EtcdSettings
from crony_ops.store.keys import Keys
from tests.integration.sync.folder import Repository


@pytest_asyncio.fixture
async def etcd(store_settings: EtcdSettings) -> AsyncIterator[Etcd]:
    async with Etcd(store_settings) as client:
        yield client


@pytest.fixture
def keys(store_settings: EtcdSettings) -> Keys:
    return Keys(store_settings.prefix)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "ops")
