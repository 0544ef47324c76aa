"""From a node's loss to the one alert that closes its failover, and the roster."""

from __future__ import annotations

import pytest

from crony_ops.model.alert import Alert, Severity
from crony_ops.model.cluster import Failover
from crony_ops.model.job import Job, RunOn
from crony_ops.model.node import Roster
from crony_ops.watcher import failover as rooms
from tests.unit.watcher.picture import NOON, Picture, http_job


def shell_job() -> Job:
    return Job(schedule="* * * * *", shell="true")


@pytest.fixture
def picture() -> Picture:
    picture = Picture()
    picture.node_up("a", 10)
    for job_id, job in {
        "moves": http_job(),
        "strands": shell_job(),
        "stays": http_job(run_on=RunOn(node="a")),
    }.items():
        picture.want(job_id, job)
    picture.look(NOON)
    picture.node_up("b", 11)
    picture.look(NOON)
    return picture


def alerts(picture: Picture) -> list[Alert]:
    return [Alert.from_json(e.value) for e in picture.etcd.prefix(picture.keys.alerts).values()]


def failover(picture: Picture) -> Failover:
    entry = picture.etcd.get(picture.keys.failover("u-a", 10))
    assert entry is not None
    return Failover.from_json(entry.value)


def roster(picture: Picture, name: str) -> Roster:
    entry = picture.etcd.get(picture.keys.roster(f"u-{name}"))
    assert entry is not None
    return Roster.from_json(entry.value)


def test_the_alert_of_a_lost_node_tells_what_became_of_its_jobs(picture: Picture) -> None:
    picture.claim("a", "moves", NOON + 60)
    picture.node_dies("a")
    picture.look(NOON + 61)
    (alert,) = alerts(picture)
    assert alert.id == "node-lost.a.a"
    assert alert.severity is Severity.critical
    assert alert.message == (
        "1 job moved (moves); 1 failed (strands); 1 bound to the node; 1 run lost (moves)"
    )
    closed = failover(picture)
    assert (closed.closed_at, closed.moved, closed.failed, closed.bound) == (NOON + 61, 1, 1, 1)
    assert not picture.etcd.prefix(picture.keys.failover_jobs("u-a", 10))


def test_a_lost_node_is_alerted_once_whoever_leads(picture: Picture) -> None:
    picture.node_dies("a")
    for second in range(3):
        picture.fresh_view()
        picture.look(NOON + 61 + second)
    (alert,) = alerts(picture)
    assert alert.at == NOON + 61


def test_a_new_leader_goes_on_where_the_old_one_stopped(picture: Picture) -> None:
    picture.node_dies("a")
    picture.carry_out(rooms.upkeep(picture.view, picture.view.alive(), {}, NOON + 61))
    picture.carry_out(picture.moves(NOON + 61)[:1])
    picture.fresh_view()
    picture.look(NOON + 70)
    closed = failover(picture)
    assert (closed.moved, closed.failed, closed.bound) == (1, 1, 1)


def test_what_a_leader_decides_before_it_sees_the_failover_is_counted_in_it(
    picture: Picture,
) -> None:
    picture.claim("a", "moves", NOON + 60)
    picture.node_dies("a")
    unaware = picture.moves(NOON + 61)
    picture.carry_out(rooms.upkeep(picture.view, picture.view.alive(), {}, NOON + 61))
    picture.carry_out(unaware)
    picture.look(NOON + 62)
    closed = failover(picture)
    assert (closed.moved, closed.failed, closed.bound, closed.lost_runs) == (1, 1, 1, 1)


def test_a_node_that_comes_back_closes_its_failover(picture: Picture) -> None:
    picture.node_dies("a")
    picture.carry_out(rooms.upkeep(picture.view, picture.view.alive(), {}, NOON + 61))
    picture.node_up("a", 12)
    picture.look(NOON + 70)
    assert failover(picture).closed_at == NOON + 70
    assert roster(picture, "a").lost_at is None
    assert picture.homes("moves") == ["a"]


def test_a_node_that_was_back_and_is_lost_again_closes_its_failover_too(picture: Picture) -> None:
    for incarnation in (10, 12):
        picture.node_up("a", incarnation)
        picture.carry_out(rooms.upkeep(picture.view, picture.view.alive(), {}, NOON + 61))
        picture.node_dies("a")
        picture.carry_out(rooms.upkeep(picture.view, picture.view.alive(), {}, NOON + 62))
    picture.look(NOON + 70)
    assert failover(picture).closed_at == NOON + 70


def test_a_job_whose_spec_can_not_be_read_does_not_keep_a_failover_open(picture: Picture) -> None:
    picture.etcd.put(picture.keys.spec("strands"), b"{")
    picture.node_dies("a")
    picture.look(NOON + 61)
    assert failover(picture).closed_at == NOON + 61


@pytest.mark.parametrize("job_id", ["moves", "strands", "stays"])
def test_a_note_that_can_not_be_read_is_made_anew(picture: Picture, job_id: str) -> None:
    picture.node_dies("a")
    picture.etcd.put(picture.keys.failover_job("u-a", 10, job_id), b"?")
    picture.look(NOON + 61)
    closed = failover(picture)
    assert (closed.closed_at, closed.moved, closed.failed, closed.bound) == (NOON + 61, 1, 1, 1)


def test_a_job_that_left_the_files_does_not_keep_a_failover_open(picture: Picture) -> None:
    picture.etcd.delete(picture.keys.spec("strands"))
    picture.node_dies("a")
    picture.look(NOON + 61)
    assert failover(picture).closed_at == NOON + 61


def test_a_node_is_not_lost_when_it_came_back_meanwhile(picture: Picture) -> None:
    picture.node_dies("a")
    orders = list(rooms.upkeep(picture.view, picture.view.alive(), {}, NOON + 61))
    picture.node_up("a", 12)
    picture.carry_out(orders)
    assert roster(picture, "a").lost_at is None


def test_a_roster_that_can_not_be_read_is_written_anew(picture: Picture) -> None:
    picture.etcd.put(picture.keys.roster("u-a"), b"{")
    picture.look(NOON)
    assert roster(picture, "a").node.name == "a"


class TestAWrongClock:
    def test_is_noted_and_alerted_once(self, picture: Picture) -> None:
        for _ in range(2):
            picture.look(NOON, clocks={"u-a": 7.0, "u-b": None})
        assert roster(picture, "a").clock_offset == 7.0
        (alert,) = alerts(picture)
        assert alert.message.startswith("+7.0 s off the median")

    def test_is_forgotten_when_it_is_right_again(self, picture: Picture) -> None:
        picture.look(NOON, clocks={"u-a": 7.0})
        picture.look(NOON, clocks={"u-a": None})
        assert roster(picture, "a").clock_offset is None

    def test_stays_noted_while_a_new_leader_has_not_judged_it_yet(self, picture: Picture) -> None:
        picture.look(NOON, clocks={"u-a": 7.0})
        picture.fresh_view()
        picture.look(NOON + 1, clocks={})
        assert roster(picture, "a").clock_offset == 7.0

    def test_stays_noted_when_the_node_has_something_new_to_tell(self, picture: Picture) -> None:
        picture.look(NOON, clocks={"u-a": 7.0})
        picture.node_up("a", 10, "web")
        picture.look(NOON + 1, clocks={"u-a": 7.0})
        assert roster(picture, "a").node.groups == ("web",)
        assert len(alerts(picture)) == 1
