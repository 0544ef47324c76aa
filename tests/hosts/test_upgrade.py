"""An upgrade under load loses no tick and repeats none; one that fails ends at its first host."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from crony_ops import __version__
from tests.hosts.other_version import wheelhouse_with

if TYPE_CHECKING:
    from pathlib import Path

    from tests.hosts.fleet import Fleet

EVERY_SECOND = "* * * * * *"


def versions(fleet: Fleet) -> dict[str, str]:
    return {node["name"]: node["version"] for node in fleet.asked("nodes")["nodes"]}


def states(fleet: Fleet) -> set[str]:
    return {node["state"] for node in fleet.asked("nodes")["nodes"]}


def to_version(version: str, wheelhouse: Path) -> list[str]:
    return ["-e", f"crony_version={version}", "-e", f"crony_wheelhouse={wheelhouse}"]


@pytest.fixture(autouse=True)
def back(fleet: Fleet) -> Iterator[None]:
    """Every node runs this version again afterwards: a downgrade is a link, and a restart."""
    yield
    nodes = {node["name"]: node for node in fleet.asked("nodes")["nodes"]}
    for host in fleet.hosts:
        node = nodes[host.name]
        if (node["version"], node["state"]) != (__version__, "up"):
            back = f"ln --symbolic --force --no-dereference {__version__} /opt/crony/current"
            host.sh(f"{back} && systemctl restart crony-node", timeout=60)
        if node["why"]:
            fleet.crony("uncordon", host.name)
    fleet.until(lambda: set(versions(fleet).values()) == {__version__}, "the old version is back")
    fleet.until(lambda: states(fleet) == {"up"}, "every node is up")


def test_a_rolling_upgrade_loses_no_tick_and_repeats_none(fleet: Fleet, wheelhouse: Path) -> None:
    newer = wheelhouse_with(wheelhouse, "9.8.7", fleet.lab.folder / "sound")
    fields: dict[str, Any] = {
        "concurrency": "allow",
        "misfire": {"policy": "all"},
        "timeout": "20s",
    }
    jobs = {f"tick-{n}": fleet.noted(EVERY_SECOND, **fields) for n in range(2)}
    jobs["long"] = fleet.noted(EVERY_SECOND, 2, **fields, on_node_loss="rerun")
    fleet.sync(jobs)
    fleet.until(lambda: {line.job for line in fleet.ledger()} == set(jobs), "every job runs")
    first = int(time.time())
    # One host first, then all others: by default the second time is a quarter of them.
    batches = ["-e", '{"crony_serial": [1, 2]}']
    fleet.play("nodes", *to_version("9.8.7", newer), *batches)
    last = int(time.time())

    def ended() -> Counter[tuple[str, int]]:
        return Counter((line.job, line.tick) for line in fleet.ledger() if line.event == "end")

    wanted = {(job, tick) for job in jobs for tick in range(first, last)}
    fleet.until(lambda: wanted <= ended().keys(), "every tick has run to its end")
    assert max(ended().values()) == 1
    assert set(versions(fleet).values()) == {"9.8.7"}
    fleet.until(lambda: states(fleet) == {"up"}, "no node is cordoned")


def test_a_version_that_cannot_start_ends_the_rollout_at_its_first_host(
    fleet: Fleet, wheelhouse: Path
) -> None:
    why = "this version was made not to start"
    broken = wheelhouse_with(wheelhouse, "9.8.8", fleet.lab.folder / "broken", breakage=why)
    hurry = ["-e", "crony_node_patience=3"]
    play = fleet.play("nodes", *to_version("9.8.8", broken), *hurry, check=False)
    assert play.outcome.status
    assert len(play.failed) == 1
    assert why in play.outcome.out
    others = {host.name for host in fleet.hosts} - set(play.failed)
    assert {versions(fleet)[name] for name in others} == {__version__}
    fleet.until(lambda: states(fleet) == {"up", "lost"}, "its lease has lapsed")
