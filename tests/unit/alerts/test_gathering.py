"""What becomes a message of its own, what a digest tells of, and what is not sent."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crony_ops.alerts.gathering import MESSAGES_A_MINUTE, NOWHERE, Plan, plan
from crony_ops.alerts.settings import Route
from crony_ops.alerts.silences import fits
from crony_ops.model.alert import Alert, Cause, Delivery, DeliveryState, Severity, Silence

if TYPE_CHECKING:
    from collections.abc import Iterable

NOON = 1_800_000_000.0
CHANNELS = ("mail", "feishu")


def alert(job: str = "j", at: float = NOON, **fields: Any) -> Alert:
    return Alert.model_validate(
        {
            "id": f"failure.{job}.{at:.0f}",
            "cause": "failure",
            "severity": "critical",
            "title": f"job {job} failed",
            "message": "exit 1",
            "at": at,
            "job": job,
            **fields,
        }
    )


def planned(
    alerts: list[Alert], now: float = NOON, routes: tuple[Route, ...] = (), **more: Any
) -> Plan:
    return plan(alerts, routes, more.get("channels", CHANNELS), more.get("silences", ()), now)


class Etcd:
    """The alerts that stand, and what the leader makes of them."""

    def __init__(self) -> None:
        self.alerts: dict[str, Alert] = {}
        self.sent: list[Alert] = []

    def add(self, *alerts: Alert) -> None:
        for alert in alerts:
            self.alerts.setdefault(alert.id, alert)

    def look(self, now: float, *, dies_after: int = 10**9) -> float | None:
        """``dies_after``: so many writes; the next look is another leader's."""
        made = plan(list(self.alerts.values()), (), CHANNELS, (), now)
        writes: list[Alert] = [
            self.alerts[id_].model_copy(update={"deliveries": over})
            for id_, over in made.deliveries.items()
        ]
        writes += [digest.alert for digest in made.digests]
        writes += [
            self.alerts[id_].model_copy(update={"deliveries": over})
            for id_, over in made.gathered.items()
        ]
        for written in writes[:dies_after]:
            self.alerts[written.id] = written
            if any(way.state is DeliveryState.waiting for way in written.deliveries.values()):
                self.sent.append(written)
        return made.look_at

    def arrive(self) -> None:
        """What waited is delivered."""
        self.alerts |= {
            id_: alert.model_copy(
                update={
                    "deliveries": {
                        channel: way.model_copy(update={"state": DeliveryState.delivered})
                        if way.state is DeliveryState.waiting
                        else way
                        for channel, way in alert.deliveries.items()
                    }
                }
            )
            for id_, alert in self.alerts.items()
        }

    def told(self) -> list[str]:
        return [name for sent in self.sent for name in (sent.names or (sent.job,))]


class TestRouting:
    def test_without_routes_every_channel_gets_everything(self) -> None:
        made = planned([alert()])
        assert set(made.deliveries["failure.j.1800000000"]) == {"mail", "feishu"}

    @pytest.mark.parametrize(
        ("route", "fits"),
        [
            ({}, True),
            ({"cause": ["failure"]}, True),
            ({"cause": ["recovery", "missed"]}, False),
            ({"severity": "warning"}, True),
            ({"severity": "critical"}, False),
            ({"group": "db"}, True),
            ({"group": "web"}, False),
            ({"label": "team=db"}, True),
            ({"label": "team"}, True),
            ({"label": "team=web"}, False),
            ({"label": "tea"}, False),
            ({"job": "j"}, True),
            ({"job": "k"}, False),
            ({"job": "j", "group": "web"}, False),
        ],
    )
    def test_a_route_leads_where_all_fits(self, route: dict[str, Any], fits: bool) -> None:
        told = alert(severity="warning", groups=("db",), labels={"team": "db"})
        made = planned([told], routes=(Route.model_validate({**route, "channels": ["mail"]}),))
        assert set(made.deliveries[told.id]) == ({"mail"} if fits else {NOWHERE})

    def test_routes_add_up_and_a_job_adds_its_own(self) -> None:
        routes = (
            Route(channels=("mail",), to=("a@x.org",), mention=("ou_1",)),
            Route(job="j", channels=("mail",), to=("b@x.org", "a@x.org")),
            Route(job="k"),
        )
        told = alert(channels=("feishu", "gone"), to=("c@x.org",))
        ways = planned([told], routes=routes).deliveries[told.id]
        assert set(ways) == {"mail", "feishu"}
        assert ways["mail"].to == ("a@x.org", "b@x.org", "c@x.org")
        assert ways["mail"].on_duty == ("ou_1",)
        assert ways["feishu"].to == ("c@x.org",)

    @pytest.mark.parametrize(
        ("age", "fields", "is_sent"),
        [
            (60, {}, True),
            (86_400, {}, False),
            (86_400, {"facts": {"failures": 1}}, True),
            (86_400, {"since": NOON - 86_400}, True),
        ],
    )
    def test_what_a_version_made_that_told_nobody_is_not_told_when_it_is_old(
        self, age: int, fields: dict[str, Any], is_sent: bool
    ) -> None:
        """An upgrade is no flood of what was the matter last month."""
        old = alert(at=NOON - age, **fields)
        state = DeliveryState.waiting if is_sent else DeliveryState.silenced
        ways = planned([old]).deliveries[old.id]
        assert {way.state for way in ways.values()} == {state}

    def test_what_waits_for_a_channel_that_is_gone_is_given_up_after_a_day(self) -> None:
        """Not at once: a watcher with older settings may lead for a moment."""
        ways = {"mail": Delivery(), "gone": Delivery(state=DeliveryState.retrying, answer="busy")}
        waits = alert(deliveries=ways)
        assert planned([waits], NOON + 86_000).deliveries == {}
        (given_up,) = planned([waits], NOON + 87_000).deliveries[waits.id].items()
        assert given_up[0] == "gone"
        assert given_up[1].state is DeliveryState.given_up
        assert "no such channel" in given_up[1].answer
        done = waits.model_copy(update={"deliveries": dict([given_up])})
        assert planned([done], NOON + 90_000).deliveries == {}

    def test_what_leads_nowhere_is_said_so(self) -> None:
        made = planned([alert()], channels=())
        assert made.deliveries[alert().id][NOWHERE].state is DeliveryState.silenced


class TestASilence:
    @pytest.mark.parametrize(
        ("named", "holds"),
        [
            ({}, True),
            ({"job": "j"}, True),
            ({"job": "j2"}, False),
            ({"node": "web-1"}, True),
            ({"node": "u-1"}, True),
            ({"node": "web-2"}, False),
            ({"group": "web"}, True),
            ({"group": "db"}, False),
            ({"label": "team=web"}, True),
            ({"label": "team=db"}, False),
            ({"job": "j", "label": "team=db"}, False),
        ],
    )
    def test_holds_what_it_names(self, named: dict[str, str], holds: bool) -> None:
        told = alert(node="u-1", node_name="web-1", groups=("web",), labels={"team": "web"})
        silence = Silence(id="s", who="ada", at=NOON, until=NOON + 60, **named)
        assert fits(silence, told) is holds

    def test_holds_until_its_time(self) -> None:
        silence = Silence(id="s1", who="ada", at=NOON, until=NOON + 60, job="j")
        for now, state in ((59, DeliveryState.silenced), (60, DeliveryState.waiting)):
            made = planned([alert()], NOON + now, silences=(silence,))
            assert {way.state for way in made.deliveries[alert().id].values()} == {state}

    def test_keeps_its_alerts_out_of_a_digest(self) -> None:
        alerts = [alert(f"j{n}") for n in range(10)]
        silence = Silence(id="s", who="ada", at=NOON, until=NOON + 999, job="j7")
        (digest,) = planned(alerts, NOON + 60, silences=(silence,)).digests
        assert "j7" not in digest.alert.names


class TestAStorm:
    def test_few_are_told_each_on_its_own(self) -> None:
        etcd = Etcd()
        etcd.add(*(alert(f"j{n}") for n in range(MESSAGES_A_MINUTE)))
        assert etcd.look(NOON) is None
        assert etcd.told() == ["j0", "j1", "j2"]

    @pytest.mark.parametrize("spread", [0.0, 20.0, 59.9])
    def test_of_a_thousand_jobs_is_five_messages_at_most_that_name_all(self, spread: float) -> None:
        etcd = Etcd()
        jobs = [f"nightly-report-{n}" for n in range(1000)]
        for number, job in enumerate(jobs):
            at = NOON + spread * number / 1000
            etcd.add(alert(job, at))
            if number % 10 == 0:
                etcd.look(at)
        for second in range(200):
            etcd.look(NOON + spread + second)
        assert len(etcd.sent) <= 5
        assert sorted(etcd.told()) == sorted(jobs)
        assert etcd.sent[-1].title.endswith("jobs failed")

    def test_holds_the_rest_until_its_minute_is_over(self) -> None:
        etcd = Etcd()
        etcd.add(*(alert(f"j{n}", NOON + n) for n in range(6)))
        assert etcd.look(NOON + 6) == NOON + 3 + 60
        etcd.look(NOON + 62)
        assert len(etcd.sent) == 3
        etcd.look(NOON + 63)
        assert etcd.sent[3].names == ("j3", "j4", "j5")

    def test_is_of_one_kind(self) -> None:
        alerts = [alert(f"j{n}") for n in range(3)]
        others = [alert(f"k{n}", cause="missed", id=f"m{n}") for n in range(3)]
        known = [alert(f"l{n}", facts={"again": 1}, id=f"r{n}") for n in range(3)]
        assert len(planned([*alerts, *others, *known]).deliveries) == 9

    def test_of_nodes_adds_up_what_became_of_their_jobs(self) -> None:
        lost = [
            alert(
                "",
                cause=Cause.node_lost,
                id=f"n{n}",
                node_name=f"web-{n}",
                severity="critical" if n == 7 else "warning",
                facts={"moved": 2, "failed": 1, "lost_runs": 0, "moved_jobs": "a, b"},
            )
            for n in range(10)
        ]
        (digest,) = planned(lost, NOON + 60).digests
        assert digest.alert.title == "7 nodes are lost"
        assert digest.alert.message.startswith("14 jobs moved; 7 failed")
        assert digest.alert.severity is Severity.critical

    def test_a_leader_that_dies_after_a_digest_of_late_news_loses_none_that_come_then(self) -> None:
        """They are of the time of their runs, which may be long ago when their node is heard of."""
        late = [alert(f"j{n}", NOON - 1200) for n in range(7)]
        before = planned(late)
        [digest] = before.digests
        stand = [a.model_copy(update={"deliveries": before.deliveries.get(a.id, {})}) for a in late]
        new = alert("new", NOON - 1200)
        made = planned([*stand, digest.alert, new], NOON + 1)
        assert made.gathered.keys() == set(digest.members)
        assert made.deliveries.keys() == {new.id}

    def test_a_digest_of_other_routes_has_an_id_of_its_own(self) -> None:
        late = [alert(f"j{n}", NOON - 1200, cause="lost") for n in range(7)]
        [before] = planned(late).digests
        routes = (Route(channels=("mail",)),)
        [after] = planned([*late, before.alert], NOON + 1, routes).digests
        assert after.alert.id != before.alert.id

    def test_many_digests_of_many_names_hold_nobody_up(self) -> None:
        """The leader renews its lease between two plans."""
        names = tuple(f"job-{n}" for n in range(1000))
        ways = {"mail": Delivery(state=DeliveryState.delivered)}
        stand = [
            alert(f"d{n}", NOON + 9, since=NOON + 1, names=names, deliveries=ways)
            for n in range(300)
        ]
        asked = [alert(f"job-{n}") for n in range(1000)]
        began = time.process_time()
        for alerts in ([*stand, *asked], [*asked, *stand]):
            assert planned(alerts, NOON + 60).digests
        assert time.process_time() - began < 2

    def test_numbers_that_are_none_are_not_summed(self) -> None:
        facts = {"moved": "a few", "failed": 1.5}
        lost = [alert(f"j{n}", cause="node lost", facts=facts) for n in range(7)]
        [digest] = planned(lost, NOON + 60).digests
        assert digest.alert.facts == {"moved": 0, "failed": 4}

    def test_of_long_names_is_more_than_one_digest(self) -> None:
        alerts = [alert(f"{n:04}" + "x" * 59) for n in range(1000)]
        made = planned(alerts, NOON + 60)
        assert len(made.digests) == 5
        assert sum(len(digest.alert.names) for digest in made.digests) == 997


def recovery(job: str, at: float, **fields: Any) -> Alert:
    named = {"id": f"recovery.{job}.{at:.0f}", **fields}
    return alert(job, at, cause="recovery", ended=True, **named)


def last_words(told: Iterable[Alert]) -> dict[str, str]:
    """By job: the cause of the last message that tells of it."""
    return {name: one.cause for one in told for name in (one.names or (one.job,))}


class TestWhatFollows:
    def storm(self) -> Etcd:
        etcd = Etcd()
        etcd.add(*(alert(job, NOON + n) for n, job in enumerate("ABCDE")))
        etcd.look(NOON + 5)
        return etcd

    def test_a_recovery_is_held_with_its_failure_and_told_after_it(self) -> None:
        etcd = self.storm()
        etcd.add(recovery("D", NOON + 20), recovery("E", NOON + 20), recovery("A", NOON + 20))
        assert etcd.look(NOON + 20) == NOON + 3 + 60
        assert [sent.job for sent in etcd.sent] == ["A", "B", "C", "A"]
        etcd.look(NOON + 63)
        assert [sent.names for sent in etcd.sent[4:]] == [("D", "E"), ("D", "E")]
        assert [sent.title for sent in etcd.sent[4:]] == ["2 jobs failed", "2 jobs are well again"]
        assert list(etcd.alerts.values())[-2:] == etcd.sent[4:]
        assert etcd.look(NOON + 64) is None

    def test_one_that_follows_a_digest_alone_is_told_in_one_of_its_own(self) -> None:
        """The line goes by when they were made: as itself it would come before."""
        etcd = self.storm()
        etcd.add(recovery("D", NOON + 20))
        etcd.look(NOON + 63)
        assert [sent.names for sent in etcd.sent[3:]] == [("D", "E"), ("D",)]

    def test_a_failure_after_a_held_recovery_is_in_no_digest_before_it(self) -> None:
        etcd = self.storm()
        etcd.add(recovery("D", NOON + 20), alert("D", NOON + 40))
        etcd.look(NOON + 63)
        told = [(sent.cause, sent.names) for sent in etcd.sent[3:]]
        assert told == [("failure", ("D", "E")), ("recovery", ("D",)), ("failure", ("D",))]

    def test_one_that_follows_what_goes_alone_goes_as_itself(self) -> None:
        etcd = Etcd()
        etcd.add(*(alert(f"j{n}", NOON) for n in range(4)), recovery("j3", NOON + 9))
        etcd.look(NOON + 9)
        etcd.look(NOON + 60)
        assert [(sent.cause, sent.job) for sent in etcd.sent[3:]] == [
            ("failure", "j3"),
            ("recovery", "j3"),
        ]

    def test_what_came_while_a_digest_was_made_does_not_overtake_it(self) -> None:
        etcd = self.storm()
        made = plan(list(etcd.alerts.values()), (), CHANNELS, (), NOON + 63)
        etcd.add(recovery("D", NOON + 62), made.digests[0].alert)
        etcd.look(NOON + 63)
        assert [sent.names for sent in etcd.sent[3:]] == [("D",)]
        assert last_words(etcd.alerts.values())["D"] == "recovery"

    def test_a_node_that_is_back_is_told_after_its_loss(self) -> None:
        nodes = [
            alert("", NOON + n, id=f"l{n}", cause="node lost", node_name=f"web-{n}")
            for n in range(5)
        ]
        back = alert("", NOON + 9, id="b", cause="node back", node_name="web-4", ended=True)
        made = planned([*nodes, back], NOON + 9)
        assert back.id not in made.deliveries
        made = planned([*nodes, back], NOON + 63)
        assert [digest.alert.names for digest in made.digests] == [("web-3", "web-4"), ("web-4",)]

    def test_over_other_channels_it_goes_at_once(self) -> None:
        routes = (
            Route(cause=(Cause.failure,), channels=("mail",)),
            Route(cause=(Cause.missed,), channels=("feishu",)),
        )
        failed = [alert(f"j{n}") for n in range(5)]
        missed = alert("j4", cause="missed", id="m")
        assert missed.id in planned([*failed, missed], NOON, routes).deliveries

    def test_of_a_thousand_jobs_is_a_few_messages_too(self) -> None:
        """Each fails, and is well again ten seconds later."""
        etcd = Etcd()
        made = [alert(f"j{n}", NOON + n * 0.05) for n in range(1000)]
        made += [recovery(f"j{n}", NOON + n * 0.05 + 10) for n in range(1000)]
        made.sort(key=lambda alert: alert.at)
        for second in range(240):
            etcd.add(*(alert for alert in made if second - 1 < alert.at - NOON <= second))
            etcd.look(NOON + second)
        assert len(etcd.sent) <= 10
        assert set(last_words(etcd.sent).values()) == {"recovery"}
        assert len(last_words(etcd.sent)) == 1000


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 20)), max_size=60),
    st.lists(st.integers(0, 12), max_size=30),
    st.lists(st.booleans(), max_size=60),
)
def test_the_last_word_about_a_job_is_the_last_that_was_told_of_it(
    made: list[tuple[int, int]], deaths: list[int], arrivals: list[bool]
) -> None:
    """In the order in which they go at once, and in the line of a channel that was down all the
    while; wherever a leader dies. ``made``: a job that fails or is well again, and the seconds
    since the one before."""
    etcd, at = Etcd(), NOON
    last: dict[str, str] = {}
    for number, (job, seconds) in enumerate(made):
        at += seconds
        name = f"j{job}"
        tell = alert if last.get(name) != "failure" else recovery
        etcd.add(tell(name, at + number / 1000, id=f"a{number}"))
        last[name] = etcd.alerts[f"a{number}"].cause
        etcd.look(at, dies_after=deaths[number] if number < len(deaths) else 10**9)
        if number < len(arrivals) and arrivals[number]:
            etcd.arrive()
    for death in (*deaths, 10**9):
        at += 61
        etcd.look(at, dies_after=death)
    etcd.look(at + 1)
    line = [one for one in etcd.alerts.values() if any(map(_was_sent, one.deliveries.values()))]
    assert last_words(etcd.sent) == last
    assert last_words(line) == last
    assert all(alert.deliveries for alert in etcd.alerts.values())


def _was_sent(way: Delivery) -> bool:
    return way.state in (DeliveryState.waiting, DeliveryState.delivered)


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 30)), max_size=60),
    st.lists(st.integers(0, 12), max_size=20),
)
def test_each_alert_is_told_once_whoever_looks_and_wherever_a_leader_dies(
    made: list[tuple[int, int]], deaths: list[int]
) -> None:
    """``made``: a job, and the seconds since the one before. A leader that dies between a digest
    and what it gathers leaves the rest to the next, who tells none again."""
    etcd, at, jobs = Etcd(), NOON, []
    for number, (job, seconds) in enumerate(made):
        at += seconds
        jobs.append(f"j{job}-{number}")
        etcd.add(alert(jobs[-1], at))
        etcd.look(at, dies_after=deaths[number] if number < len(deaths) else 10**9)
    for death in (*deaths, 10**9):
        at += 61
        etcd.look(at, dies_after=death)
    assert all(alert.deliveries for alert in etcd.alerts.values())
    assert sorted(etcd.told()) == sorted(jobs)
    assert etcd.look(at + 1) is None
