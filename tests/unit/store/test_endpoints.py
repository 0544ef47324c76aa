"""Which endpoint is used, and what is told of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crony_ops.store.endpoints import Endpoints
from crony_ops.store.settings import EtcdSettings

if TYPE_CHECKING:
    import pytest


async def test_while_no_endpoint_answers_that_is_told_once_and_not_with_each_move(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    endpoints = Endpoints(EtcdSettings(endpoints=("127.0.0.1:1", "127.0.0.1:2")))
    for _ in range(101):
        endpoints.failed(endpoints.current, "refused")
    assert endpoints.current.connection.endpoint == "127.0.0.1:2"
    assert caplog.messages == ["etcd: from 127.0.0.1:1 to 127.0.0.1:2 (refused)"]
    await endpoints.close()
