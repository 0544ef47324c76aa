"""Fixtures for tests on real hosts; README.md tells how to use them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hosts.fleet import Fleet
from tests.hosts.lab import CannotRun, Lab
from tests.hosts.lab.cache import one_at_a_time
from tests.hosts.lab.inventory import REPOSITORY
from tests.hosts.proof import Proof

_HERE = Path(__file__).parent
# Of one that is shorter, a machine that has other work loses a healthy node now and then.
_TTL = 5


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first test that needs the fleet also pays for it: the base system and the rollout."""
    for item in items:
        if _HERE in item.path.parents and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(1800))


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """One for the session. Who boots hosts of its own in it wipes them."""
    try:
        lab = Lab()
    except CannotRun as why:
        pytest.skip(f"no real hosts here: {why}")
    with lab:
        yield lab


@pytest.fixture(scope="session")
def wheelhouse() -> Path:
    """What hosts install: of this very source."""
    with one_at_a_time("wheelhouse"):
        subprocess.run(["make", "--silent", "wheelhouse"], cwd=REPOSITORY, check=True)
    return REPOSITORY / "dist/wheelhouse"


@pytest.fixture(scope="session")
def rolled_out(lab: Lab, wheelhouse: Path) -> Iterator[Fleet]:
    """h1 to h3, bare, after one site.yml: each a member of etcd, a watcher and a node."""
    h1, h2, h3 = lab.boot(3)
    inventory = lab.inventory(
        "fleet",
        {"etcd": [h1, h2, h3], "watchers": [h1, h2, h3], "web": [h1, h2], "db": [h3]},
        crony_wheelhouse=str(wheelhouse),
        crony_node_settings={"ttl": _TTL, "stop_grace": 3},
        crony_watcher_settings={"ttl": _TTL},
    )
    fleet = Fleet(lab, [h1, h2, h3], inventory, _TTL)
    fleet.play("site")
    yield fleet
    fleet.close()


@pytest.fixture
def fleet(rolled_out: Fleet) -> Iterator[Fleet]:
    """Whatever a test does to it, the next one finds it well, with no jobs."""
    yield rolled_out
    rolled_out.restore()


@pytest.fixture
def proof(fleet: Fleet, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Proof]:
    """On record from before the test's first job on; it judges when the test says so."""
    proof = Proof(fleet, tmp_path, f"pytest {request.node.nodeid}")
    yield proof
    proof.close()
