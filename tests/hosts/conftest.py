"""Fixtures for tests on real hosts; README.md tells how to use them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hosts.lab import CannotRun, Lab

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first test that needs the fleet also pays for it: the base system and the rollout."""
    for item in items:
        if _HERE in item.path.parents and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(900))


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """One for the session. Who boots hosts of its own in it wipes them."""
    try:
        lab = Lab()
    except CannotRun as why:
        pytest.skip(f"no real hosts here: {why}")
    with lab:
        yield lab
