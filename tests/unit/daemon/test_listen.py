"""An address to listen at."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from crony_ops.daemon.listen import split_address
from crony_ops.node.settings import NodeSettings
from crony_ops.watcher.settings import WatcherSettings


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("127.0.0.1:9107", ("127.0.0.1", 9107)),
        ("localhost:0", ("localhost", 0)),
        ("[::1]:9107", ("::1", 9107)),
        ("0.0.0.0:65535", ("0.0.0.0", 65535)),
    ],
)
def test_host_and_port(written: str, meant: tuple[str, int]) -> None:
    assert split_address(written) == meant
    assert NodeSettings(listen=written).listen == written


@pytest.mark.parametrize(
    "written", ["9107", ":9107", "[]:9107", "::1:9107", "host:", "host:x", "host:-1", "host:65536"]
)
def test_what_is_no_address_is_refused(written: str) -> None:
    with pytest.raises(ValidationError):
        WatcherSettings(listen=written)


def test_an_empty_one_listens_nowhere() -> None:
    assert NodeSettings(listen="").listen == ""
