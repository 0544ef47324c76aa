"""When people are told of a node: lost, back, flapping, its presets."""

from __future__ import annotations

import pytest

from crony_ops.alerts.gathering import plan
from crony_ops.model.alert import Alert, Severity
from crony_ops.model.job import Job
from crony_ops.model.node import PresetFailure, Roster
from crony_ops.model.run import News
from crony_ops.store.batcher import MAX_OPS, ops
from crony_ops.watcher import failover
from crony_ops.watcher.node_health import FLAP_WINDOW, STEADY_TTLS
from tests.unit.watcher.picture import NOON, REMIND, TTL, Picture, http_job

STEADY = STEADY_TTLS * TTL


@pytest.fixture
def picture() -> Picture:
    made = Picture()
    made.node_up("a", 10, "web")
    made.want("moves")
    made.want("strands", Job(schedule="* * * * *", shell="true"))
    made.look(NOON)
    made.node_up("b", 11)
    made.look(NOON)
    return made


def told(picture: Picture) -> list[str]:
    """The titles of all alerts, in the order in which they were made."""
    entries = picture.etcd.prefix(picture.keys.alerts).values()
    made = sorted(entries, key=lambda entry: entry.create_revision)
    return [Alert.from_json(entry.value).title for entry in made]


def alerts(picture: Picture) -> list[Alert]:
    return [Alert.from_json(e.value) for e in picture.etcd.prefix(picture.keys.alerts).values()]


def roster(picture: Picture) -> Roster:
    entry = picture.etcd.get(picture.keys.roster("u-a"))
    assert entry is not None
    return Roster.from_json(entry.value)


def test_a_lost_node_and_its_return_are_two_messages(picture: Picture) -> None:
    picture.node_dies("a")
    picture.look(NOON + 60)
    picture.node_up("a", 12, "web")
    for second in range(100):
        picture.look(NOON + 300 + second)
    assert told(picture) == ["node a is lost", "node a is back"]
    lost, back = sorted(alerts(picture), key=lambda alert: alert.at)
    assert back.message == "it was lost for 4m"
    assert (back.ended, back.severity, back.groups) == (True, Severity.info, ("web",))
    assert back.at == NOON + 300 + STEADY
    assert lost.node_name == "a"


def test_what_its_death_did_to_its_jobs_is_in_its_message_alone(picture: Picture) -> None:
    picture.want("stuck", http_job(run_on={"group": "web"}))
    picture.look(NOON)
    for job_id in ("moves", "strands", "stuck"):
        picture.claim("a", job_id, NOON + 60)
    picture.node_dies("a")
    for second in range(100):
        picture.look(NOON + 61 + second)
    (alert,) = alerts(picture)
    assert alert.message == (
        "1 job moved (moves); 2 failed (strands, stuck); 0 bound to the node; "
        "3 runs lost (moves, strands, stuck)"
    )
    assert alert.facts["lost_runs"] == 3


@pytest.mark.parametrize("up", [5.0, 20.0, 29.0])
def test_a_node_that_flaps_twenty_times_in_ten_minutes_is_three_messages(
    picture: Picture, up: float
) -> None:
    now = NOON + 100.0
    for life in range(20):
        picture.node_dies("a")
        picture.look(now)
        picture.look(now + 30 - up)
        picture.node_up("a", 100 + life, "web")
        for second in range(int(up)):
            picture.look(now + 30 - up + second)
        now += 30
    for minute in range(60):
        picture.fresh_view()
        picture.look(now + 60 * minute)
    assert told(picture) == ["node a is lost", "node a comes and goes", "node a stays"]
    assert (roster(picture).told, roster(picture).losses) == ("", ())


def flaps_and_stays_away(picture: Picture) -> None:
    """It is lost for good at NOON + 180, and that is told when it has settled."""
    for minute in range(3):
        picture.node_dies("a")
        picture.look(NOON + 60 * minute)
        picture.node_up("a", 20 + minute)
        picture.look(NOON + 60 * minute + 20)
    picture.node_dies("a")
    picture.look(NOON + 180)
    picture.look(NOON + 180 + FLAP_WINDOW)


def test_a_node_that_flaps_and_stays_away_is_told_of_as_lost(picture: Picture) -> None:
    flaps_and_stays_away(picture)
    assert told(picture)[1:] == ["node a comes and goes", "node a is lost for good"]
    picture.look(NOON + 180 + FLAP_WINDOW + REMIND)
    assert told(picture)[-1] == "node a is still lost"


def test_a_node_that_is_lost_again_long_after_does_not_flap(picture: Picture) -> None:
    for hour in range(3):
        picture.node_dies("a")
        picture.look(NOON + 3600 * hour)
        picture.node_up("a", 20 + hour)
        picture.look(NOON + 3600 * hour + 60)
        picture.look(NOON + 3600 * hour + 60 + STEADY)
    assert told(picture) == ["node a is lost", "node a is back"] * 3


def test_a_lost_node_is_called_to_mind_until_it_is_forgotten(picture: Picture) -> None:
    picture.node_dies("a")
    picture.look(NOON)
    for hour in range(25):
        picture.look(NOON + 3600 * hour)
    assert told(picture) == ["node a is lost", *["node a is still lost"] * 6]
    picture.etcd.delete(picture.keys.roster("u-a"))
    picture.look(NOON + 3600 * 48)
    assert len(told(picture)) == 7


def severities(picture: Picture) -> list[tuple[str, Severity]]:
    return [(alert.title, alert.severity) for alert in sorted(alerts(picture), key=lambda a: a.at)]


@pytest.mark.parametrize("stranded", [True, False])
def test_a_reminder_is_as_grave_as_the_loss(picture: Picture, stranded: bool) -> None:
    """So that who hears of what is critical alone hears of a loss that a silence kept back."""
    if not stranded:
        picture.etcd.delete(picture.keys.spec("strands"))
        picture.look(NOON)
    grave = Severity.critical if stranded else Severity.warning
    picture.node_dies("a")
    picture.look(NOON)
    picture.look(NOON + REMIND)
    assert severities(picture) == [("node a is lost", grave), ("node a is still lost", grave)]
    picture.node_up("a", 12)
    picture.look(NOON + REMIND + 60)
    picture.look(NOON + REMIND + 60 + STEADY)
    assert not roster(picture).critical


def test_a_flapping_node_that_stays_away_is_as_grave_as_its_last_loss(picture: Picture) -> None:
    flaps_and_stays_away(picture)
    picture.look(NOON + 180 + FLAP_WINDOW + REMIND)
    assert severities(picture)[-2:] == [
        ("node a is lost for good", Severity.critical),
        ("node a is still lost", Severity.critical),
    ]


class TestAPreset:
    def offers(self, picture: Picture, *, ready: bool, failed: bool, incarnation: int = 10) -> None:
        failures = {"py": PresetFailure(reason="exit 1: no pip", at=NOON)} if failed else {}
        node = picture.node_up("a", incarnation).model_copy(
            update={"presets": {"py": ("9c",)} if ready else {}, "preset_failures": failures}
        )
        picture.etcd.put(picture.keys.node(node.uuid), node.to_json(), lease=incarnation)

    def test_that_fails_is_told_once_and_so_is_that_it_is_ready(self, picture: Picture) -> None:
        self.offers(picture, ready=False, failed=True)
        picture.look(NOON + 1)
        picture.look(NOON + 2)
        assert told(picture) == ["preset py is not ready on a"]
        # The agent starts anew, and tries anew.
        self.offers(picture, ready=False, failed=False, incarnation=12)
        picture.look(NOON + 3)
        self.offers(picture, ready=False, failed=True, incarnation=12)
        picture.look(NOON + 4)
        assert len(told(picture)) == 1
        self.offers(picture, ready=True, failed=False, incarnation=12)
        picture.look(NOON + 5)
        assert told(picture)[1:] == ["preset py is ready on a"]
        assert roster(picture).presets_told == ()

    def test_that_fails_beside_its_older_self_is_told_of(self, picture: Picture) -> None:
        self.offers(picture, ready=True, failed=True)
        picture.look(NOON + 1)
        assert told(picture) == ["preset py is not ready on a"]


def test_a_clock_that_goes_to_and_fro_is_told_of_once_an_hour(picture: Picture) -> None:
    for minute in range(59):
        offset = 7.0 if minute % 2 == 0 else None
        picture.look(NOON + 60 * minute, clocks={"u-a": offset})
    assert told(picture) == ["the clock of a is wrong"]


def test_a_thousand_jobs_that_fail_in_a_minute_are_five_messages_that_name_all() -> None:
    """From the news of their runs, through their health, to the messages."""
    picture = Picture()
    jobs = [f"job-{number}" for number in range(1000)]
    for number, job_id in enumerate(jobs):
        picture.want(job_id)
        end = News(
            run_id="20270115T080000Z-s",
            job_id=job_id,
            state="failed",
            at=NOON + number * 0.06,
            tick=NOON,
        )
        picture.etcd.put(picture.keys.news(job_id, end.run_id), end.to_json())
        if number % 100 == 50:
            picture.look(end.at)
            deliver(picture, end.at)
    for second in range(0, 200, 5):
        picture.look(NOON + 60 + second)
        deliver(picture, NOON + 60 + second)
    sent = [
        alert
        for alert in alerts(picture)
        if any(way.state == "waiting" for way in alert.deliveries.values())
    ]
    assert len(sent) <= 5
    assert sorted(n for alert in sent for n in (alert.names or (alert.job,))) == sorted(jobs)


def test_a_node_with_more_failed_presets_than_go_into_a_transaction_is_remembered_all_the_same(
    picture: Picture,
) -> None:
    failures = {f"p{n:03}": PresetFailure(reason="exit 1", at=NOON) for n in range(200)}
    for again in range(10):
        node = picture.node_up("a", 13 + again)
        sick = node.model_copy(update={"preset_failures": failures})
        picture.etcd.put(picture.keys.node("u-a"), sick.to_json(), lease=13 + again)
        for order in failover.upkeep(picture.view, picture.view.alive(), {}, NOON + again):
            assert ops(order.txn) < MAX_OPS
            picture.carry_out([order])
    assert roster(picture).node.incarnation == 22
    assert roster(picture).presets_told == tuple(failures)


def deliver(picture: Picture, now: float) -> None:
    standing = {alert.id: alert for alert in alerts(picture)}
    made = plan(list(standing.values()), (), ("mail",), (), now)
    for digest in made.digests:
        standing[digest.alert.id] = digest.alert
        picture.etcd.put(picture.keys.alert(digest.alert.id), digest.alert.to_json())
    for alert_id, over in (*made.deliveries.items(), *made.gathered.items()):
        routed = standing[alert_id].model_copy(update={"deliveries": over})
        picture.etcd.put(picture.keys.alert(alert_id), routed.to_json())
