"""What the leader counts of the fleet, and of its own steps."""

from __future__ import annotations

import pytest

from crony_ops.daemon.contact import Contact
from crony_ops.model.cluster import Health
from crony_ops.model.node import Cordon, Pause
from crony_ops.watcher.metrics import WatcherMetrics
from crony_ops.watcher.order import Move
from crony_ops.watcher.vitals import FleetNumbers, Vitals, fleet_numbers
from tests.unit.watcher.picture import NOON, Picture, every_node, http_job

NOTHING = FleetNumbers(
    alive=0,
    lost=0,
    cordoned=0,
    clock_outliers=0,
    assigned=0,
    unassigned=0,
    paused=0,
    failing=0,
    failovers_open=0,
    news=0,
    alerts=0,
)


@pytest.fixture
def picture() -> Picture:
    return Picture()


def test_an_empty_key_space_counts_nothing(picture: Picture) -> None:
    assert fleet_numbers(picture.view) == NOTHING


def test_the_fleet_is_counted_as_it_stands(picture: Picture) -> None:
    for name in ("a", "b", "c"):
        picture.node_up(name)
    picture.want("anywhere")
    picture.want("everywhere", every_node())
    picture.want("nowhere", http_job(run_on={"group": "db"}))
    clocks = {"u-a": None, "u-b": 4.0, "u-c": None}
    picture.look()
    picture.look(clocks=clocks)
    picture.node_dies("c")
    picture.look()
    keys, etcd = picture.keys, picture.etcd
    etcd.put(keys.cordon("u-a"), Cordon(who="me", at=NOON).to_json())
    for job_id in ("anywhere", "that has been removed"):
        etcd.put(keys.pause(job_id), Pause(who="me", at=NOON).to_json())
        etcd.put(keys.health(job_id), Health(consecutive_failures=2).to_json())
    found = fleet_numbers(picture.view)
    assert found.alive == 2
    assert found.lost == 1
    assert found.cordoned == 1
    assert found.clock_outliers == 1
    assert (found.assigned, found.unassigned) == (2, 1)
    assert found.paused == 1
    assert found.failing == 1
    assert found.failovers_open == 0
    assert found.alerts == 2  # of the clock, and of the lost node


def test_each_step_of_a_job_is_of_one_kind(picture: Picture) -> None:
    seen: list[tuple[str, Move | None]] = []

    def step() -> None:
        orders = picture.moves(NOON)
        seen.extend((order.job, order.move) for order in orders if order.move)
        picture.carry_out(orders)
        picture.look()

    picture.node_up("a", 1, "web")
    picture.look()
    picture.want("j")
    step()
    picture.want("j", http_job(timeout="5m"))
    step()
    picture.node_up("b", 2, "db")
    picture.look()
    picture.want("j", http_job(run_on={"group": "db"}))
    step()
    picture.node_dies("b")
    picture.want("j", http_job(run_on={"group": "web"}))
    step()
    picture.want("j", http_job(run_on={"group": "nobody"}))
    step()
    assert seen == [
        ("j", Move.placed),
        ("j", Move.changed),
        ("j", Move.moved),
        ("j", Move.failed_over),
        ("j", Move.withdrawn),
    ]


def test_the_fleet_is_told_by_the_leader_alone() -> None:
    metrics = WatcherMetrics()
    told = Vitals(Contact(lease_margin=9.5, watch_age=1.0), fleet=None)
    metrics.show(lambda: told)
    value = metrics.registry.get_sample_value
    assert value("crony_watcher_leading") == 0
    assert value("crony_watcher_lease_margin_seconds") == 9.5
    assert value("crony_watcher_nodes", {"state": "alive"}) is None
    told = Vitals(Contact(9.5, 1.0), FleetNumbers(*range(1, 12)))
    assert value("crony_watcher_leading") == 1
    assert value("crony_watcher_nodes", {"state": "alive"}) == 1
    assert value("crony_watcher_jobs", {"state": "failing"}) == 8
    assert value("crony_watcher_news_backlog") == 10
