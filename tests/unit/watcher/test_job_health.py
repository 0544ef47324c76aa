"""The news of runs go into a job's health, each once; a job without a node is an alert."""

from __future__ import annotations

import json

import pytest

from crony_ops.alerts.health import health_after
from crony_ops.model.alert import Alert
from crony_ops.model.cluster import Health, Told
from crony_ops.model.node import Pause
from crony_ops.model.run import News, RunState, tick_run_id
from crony_ops.store.batcher import MAX_OPS, ops
from crony_ops.watcher.job_health import (
    MAX_NEWS_IN_AN_ORDER,
    digest,
    dragging,
    placed_or_not,
    reminders,
)
from tests.unit.watcher.picture import NOON, Picture, http_job

LATER = NOON + 3600


def news(state: RunState | str, at: float = NOON, count: int = 1) -> News:
    return News.model_validate(
        {
            "run_id": tick_run_id(int(at)),
            "job_id": "j",
            "state": state,
            "at": at,
            "tick": int(at),
            "count": count,
        }
    )


@pytest.mark.parametrize(
    ("ends", "failures", "since"),
    [
        (["failed", "timed_out"], 2, NOON),
        (["failed", "succeeded"], 0, None),
        (["succeeded", "failed"], 1, NOON + 1),
        (["failed", "skipped", "failed"], 2, NOON),
        (["failed", "lost", "failed"], 2, NOON),
        (["failed", "killed", "fenced"], 1, NOON),
    ],
)
def test_failures_in_a_row_are_counted_since_the_first(
    ends: list[str], failures: int, since: float | None
) -> None:
    health = Health()
    for second, state in enumerate(ends):
        health = health_after(health, news(RunState(state), NOON + second))
    assert (health.consecutive_failures, health.failing_since) == (failures, since)


def test_missed_ticks_are_counted_and_say_nothing_about_the_last_run() -> None:
    health = health_after(health_after(Health(), news(RunState.failed)), news("missed", count=7))
    assert (health.missed, health.last_state, health.consecutive_failures) == (
        7,
        RunState.failed,
        1,
    )


@pytest.fixture
def picture() -> Picture:
    picture = Picture()
    picture.want("j")
    return picture


def tell(picture: Picture, told: News) -> None:
    picture.etcd.put(picture.keys.news(told.job_id, told.run_id), told.to_json())


def health(picture: Picture) -> Health:
    entry = picture.etcd.get(picture.keys.health("j"))
    assert entry is not None
    return Health.from_json(entry.value)


def test_each_piece_of_news_counts_once_whoever_reads_it(picture: Picture) -> None:
    tell(picture, news(RunState.failed))
    first = list(digest(picture.view, LATER))
    second = list(digest(picture.fresh_view(), LATER))
    done = [result.succeeded for result in picture.carry_out([*first, *second])]
    assert done == [True, False]
    assert health(picture).consecutive_failures == 1
    assert not picture.etcd.prefix(picture.keys.all_news)


def test_a_flood_of_news_is_taken_in_oldest_first_and_bit_by_bit(picture: Picture) -> None:
    for second in range(MAX_NEWS_IN_AN_ORDER + 5):
        tell(picture, news(RunState.failed, NOON + second))
    picture.carry_out(digest(picture.view, LATER))
    assert health(picture).consecutive_failures == MAX_NEWS_IN_AN_ORDER
    picture.carry_out(digest(picture.view, LATER))
    assert health(picture).consecutive_failures == MAX_NEWS_IN_AN_ORDER + 5
    assert health(picture).failing_since == NOON


def test_a_health_that_can_not_be_read_is_begun_anew(picture: Picture) -> None:
    picture.etcd.put(picture.keys.health("j"), b"{")
    tell(picture, news(RunState.failed))
    picture.carry_out(digest(picture.view, LATER))
    assert health(picture).consecutive_failures == 1


def test_a_job_without_a_node_is_alerted_once_and_noted_until_it_has_one(picture: Picture) -> None:
    for second in range(2):
        orders = placed_or_not(picture.view, {"j": "no node is up"}, {"j"}, NOON + second)
        picture.carry_out(orders)
    (entry,) = picture.etcd.prefix(picture.keys.alerts).values()
    assert Alert.from_json(entry.value).message == "no node is up"
    assert health(picture).unplaced_since == NOON
    picture.carry_out(placed_or_not(picture.view, {}, {}, NOON + 2))
    assert health(picture).unplaced_since is None


@pytest.mark.parametrize("spec", [None, b"?"])
def test_of_a_job_that_nobody_wants_any_more_nobody_is_told_that_it_has_a_node_again(
    picture: Picture, spec: bytes | None
) -> None:
    picture.carry_out(placed_or_not(picture.view, {"j": "no node is up"}, {"j"}, NOON))
    if spec is None:
        picture.etcd.delete(picture.keys.spec("j"))
    else:
        picture.etcd.put(picture.keys.spec("j"), spec)
    picture.carry_out(placed_or_not(picture.view, {}, {}, NOON + 60))
    (entry,) = picture.etcd.prefix(picture.keys.alerts).values()
    assert not Alert.from_json(entry.value).ended


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("/crony/news/k/20270115T080000Z-s", {}),
        ("/crony/news/j\udcff/20270115T080000Z-s", {}),
        ("/crony/news/j/20270115T080000Z-s", {"at": float("nan")}),
        ("/crony/news/j/20270115T080000Z-s", {"took": float("inf")}),
    ],
)
def test_news_that_make_no_sense_are_passed_over_and_named(
    picture: Picture, key: str, value: dict[str, float]
) -> None:
    written = {**json.loads(news(RunState.failed).to_json()), **value}
    picture.etcd.put(key, json.dumps(written).encode())
    assert picture.carry_out(digest(picture.view, LATER)) == []
    assert key in picture.view.unreadable


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-1e999"])
def test_health_whose_numbers_are_none_is_passed_over_and_named(
    picture: Picture, number: str
) -> None:
    told = f'{{"told":{{"failure":{{"since":{number},"at":1,"remind_at":1}}}}}}'
    picture.etcd.put(picture.keys.health("j"), told.encode())
    assert list(reminders(picture.view, NOON)) == []
    assert picture.keys.health("j") in picture.view.unreadable


@pytest.mark.parametrize("ahead", [7200.0, 1e14, 1e300])
def test_news_of_a_clock_that_is_ahead_are_of_now(picture: Picture, ahead: float) -> None:
    """Else it would be told of as failing until then, and reminded of never."""
    window = {"schedule": "0 2 * * 0", "duration": "2h"}
    picture.want("j", http_job(maintenance=[window]))
    one = news(RunState.failed).model_copy(update={"at": NOON + ahead})
    picture.etcd.put(picture.keys.news("j", one.run_id), one.to_json())
    picture.carry_out(digest(picture.view, NOON))
    (entry,) = picture.etcd.prefix(picture.keys.alerts).values()
    assert Alert.from_json(entry.value).at == NOON
    assert health(picture).told["failure"].at == NOON


def test_what_a_newer_leader_told_is_left_alone(picture: Picture) -> None:
    told = Health(told={"of tomorrow": Told(since=NOON, at=NOON, remind_at=NOON + 1)})
    picture.etcd.put(picture.keys.health("j"), told.to_json())
    assert list(reminders(picture.view, NOON + 9)) == []


def test_nobody_is_reminded_of_a_paused_job(picture: Picture) -> None:
    tell(picture, news(RunState.failed))
    picture.carry_out(digest(picture.view, LATER))
    pause = Pause(who="ada", at=NOON).to_json()
    picture.etcd.put(picture.keys.pause("j"), pause)
    assert list(reminders(picture.view, NOON + 14_400)) == []
    picture.etcd.delete(picture.keys.pause("j"))
    (order,) = reminders(picture.view, NOON + 14_400)
    assert [alert.title for alert in order.alerts] == ["job j still fails"]


def test_news_and_what_is_told_of_them_are_one_transaction(picture: Picture) -> None:
    tell(picture, news(RunState.failed))
    (order,) = digest(picture.view, LATER)
    (late,) = digest(picture.fresh_view(), LATER)
    assert [r.succeeded for r in picture.carry_out([order, late])] == [True, False]
    (key,) = picture.etcd.prefix(picture.keys.alerts)
    assert key == "/crony/alert/failure.j.20270115T080000Z-s"


SLOW = http_job(notify={"slow": "30s"}, concurrency="allow")


def test_runs_that_do_not_end_are_told_of_each_once_by_whichever_leader(picture: Picture) -> None:
    node = picture.node_up("a")
    picture.want("j", SLOW)
    picture.look(NOON)
    first = picture.claim("a", "j", int(NOON))
    second = picture.claim("a", "j", int(NOON) + 20)
    assert not list(dragging(picture.view, NOON + 30))
    (order,) = dragging(picture.view, NOON + 31)
    (alert,) = order.alerts
    assert (alert.run_id, alert.node, alert.node_name) == (first.run_id, node.uuid, "a")
    picture.carry_out([order])
    assert not list(dragging(picture.fresh_view(), NOON + 31))
    picture.carry_out(dragging(picture.view, NOON + 60))
    assert health(picture).dragging == (first.run_id, second.run_id)
    assert not list(dragging(picture.view, NOON + 90))


def test_a_run_that_ends_meanwhile_is_not_told_not_to(picture: Picture) -> None:
    picture.node_up("a")
    picture.want("j", SLOW)
    picture.look(NOON)
    run = picture.claim("a", "j", int(NOON))
    orders = list(dragging(picture.view, NOON + 31))
    picture.etcd.delete(picture.keys.open(run.node, "j", run.run_id))
    assert [result.succeeded for result in picture.carry_out(orders)] == [False]


@pytest.mark.parametrize("why", ["its node is away", "its node's clock is off"])
def test_nobody_knows_for_how_long_a_run_has_been_under_way(picture: Picture, why: str) -> None:
    node = picture.node_up("a")
    picture.want("j", SLOW)
    picture.look(NOON)
    picture.claim("a", "j", int(NOON))
    update = {"lost_at": NOON} if why == "its node is away" else {"clock_offset": -3600.0}
    roster = picture.view.rosters.get(node.uuid)
    assert roster is not None
    picture.etcd.put(
        picture.keys.roster(node.uuid), roster.value.model_copy(update=update).to_json()
    )
    assert not list(dragging(picture.view, NOON + 31))


def test_of_many_that_do_not_end_some_are_told_of_at_a_time_as_etcd_takes_it(
    picture: Picture,
) -> None:
    picture.node_up("a")
    picture.want("j", SLOW)
    picture.look(NOON)
    for second in range(130):
        picture.claim("a", "j", int(NOON) + second)
    told = []
    for _ in range(3):
        (order,) = dragging(picture.view, NOON + 600)
        assert ops(order.txn) <= MAX_OPS
        picture.carry_out([order])
        told.append(len(health(picture).dragging))
    assert told == [30, 60, 90]
