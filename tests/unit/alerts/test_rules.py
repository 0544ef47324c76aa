"""From the ends of a job's runs to what is told of them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crony_ops.alerts.rules import hear
from crony_ops.alerts.unassigned import has_node, lacks_node
from crony_ops.model.alert import Severity
from crony_ops.model.cluster import Health
from crony_ops.model.run import tick_run_id
from tests.unit.alerts.told import HOUR, NOON, Listener, news


@pytest.mark.parametrize(
    ("notify", "ends", "told"),
    [
        ({}, "s", []),
        ({}, "f", ["failure"]),
        ({}, "t", ["failure"]),
        ({}, "fff", ["failure"]),
        ({}, "fs", ["failure", "recovery"]),
        ({}, "ffss", ["failure", "recovery"]),
        ({}, "fks", ["failure", "recovery"]),
        ({}, "k", []),
        ({"after": 3}, "ff", []),
        ({"after": 3}, "ffs", []),
        ({"after": 3}, "fff", ["failure"]),
        ({"after": 3}, "fffffs", ["failure", "recovery"]),
        ({"after": 2}, "fsfsfs", []),
        ({"on": ["failure"]}, "fs", ["failure"]),
        ({"on": ["recovery"]}, "fs", ["recovery"]),
        ({"on": []}, "fsml", []),
        ({}, "m", ["missed"]),
        ({}, "mmm", ["missed"]),
        ({}, "l", ["lost"]),
        ({}, "n", []),
        ({}, "ml", ["missed", "lost"]),
        ({}, "fsfsfsfsfsfs", ["failure", "recovery", "failure", "recovery", "flapping"]),
        ({}, "fsfsflm", ["failure", "recovery", "failure", "recovery", "flapping"]),
    ],
)
def test_what_is_told_of_runs(notify: dict[str, Any], ends: str, told: list[str]) -> None:
    job = Listener(notify)
    for minute, end in enumerate(ends):
        hear_end(job, end, NOON + 60 * minute)
    assert job.causes() == told


ENDS = {
    "s": "succeeded",
    "f": "failed",
    "t": "timed_out",
    "k": "killed",
    "m": "missed",
    "l": "lost",
}


def hear_end(job: Listener, end: str, at: float) -> None:
    if end == "n":
        job.hears("lost", at, with_node=True)
    else:
        job.hears(ENDS[end], at)


def test_a_failure_says_all_that_is_known_of_it() -> None:
    job = Listener(
        {"to": ["db@example.com"], "channels": ["mail"], "runbook": "https://wiki/x", "after": 2},
        labels={"team": "db"},
        run_on={"group": "db"},
    )
    job.hears("failed", NOON)
    (alert,) = job.hears("failed", NOON + 60, reason="exit 1: disk full", output="no\nspace")
    assert alert.title == "job j failed"
    assert alert.message == "exit 1: disk full; on web-1; 2 in a row"
    assert (alert.output, alert.since, alert.severity) == ("no\nspace", NOON, Severity.critical)
    assert (alert.to, alert.channels, alert.runbook) == (
        ("db@example.com",),
        ("mail",),
        "https://wiki/x",
    )
    assert alert.labels == {"team": "db"}


def test_a_recovery_says_how_long_it_lasted() -> None:
    job = Listener()
    for minute in range(90):
        job.hears("failed", NOON + 60 * minute)
    (alert,) = job.hears("succeeded", NOON + 5400)
    assert alert.ended
    assert alert.message == "it failed 90 times in 1h30m; it succeeded on web-1"


def test_the_same_news_make_the_same_alert() -> None:
    watched = Listener().watched
    assert hear(Health(), news("failed"), watched) == hear(Health(), news("failed"), watched)


class TestASlowRun:
    @pytest.mark.parametrize(("took", "told"), [(30.0, 0), (30.1, 1)])
    def test_is_one_that_takes_longer_than_it_should(self, took: float, told: int) -> None:
        assert len(Listener({"slow": "30s"}).hears("succeeded", NOON, took=took)) == told

    @pytest.mark.parametrize(
        ("before", "took", "told"),
        [
            ([10.0] * 4, 99.0, 0),
            ([10.0] * 5, 30.0, 0),
            ([10.0] * 5, 30.1, 1),
            ([1.0, 10.0, 10.0, 10.0, 500.0], 30.1, 1),
            ([0.01] * 5, 0.9, 0),
            ([0.01] * 5, 1.1, 1),
        ],
    )
    def test_is_by_itself_one_of_three_times_the_usual(
        self, before: list[float], took: float, told: int
    ) -> None:
        job = Listener({"slow": "auto"})
        for minute, usual in enumerate(before):
            job.health = hear(
                job.health, news("succeeded", NOON + 60 * minute, took=usual), job.watched
            )[0]
        assert len(job.hears("succeeded", NOON + 600, took=took)) == told

    def test_is_remembered_of_a_bounded_number_of_runs(self) -> None:
        job = Listener({"slow": "auto"})
        for minute in range(100):
            job.hears("succeeded", NOON + 60 * minute, took=5.0)
        assert len(job.health.durations) == 20

    def test_is_of_no_interest_unless_somebody_asks(self) -> None:
        job = Listener()
        job.hears("succeeded", NOON, took=1e6)
        assert job.told == []
        assert job.health.durations == ()

    def test_is_told_of_while_it_is_still_under_way_and_not_again_at_its_end(self) -> None:
        job = Listener({"slow": "30s"})
        assert job.drags_on(NOON, NOON + 30) == []
        (alert,) = job.drags_on(NOON, NOON + 31)
        assert alert.title == "a run of job j does not end"
        assert alert.message == "it has been under way for 31s, more than 30s; on web-1"
        assert alert.run_id == tick_run_id(int(NOON))
        assert job.drags_on(NOON, NOON + 600) == []
        assert job.hears("succeeded", NOON, took=900.0) == []
        assert job.hears("succeeded", NOON + 60, took=31.0) == []
        (again,) = job.looks(NOON + 5 * HOUR)
        assert again.title == "job j was slow 1 more time"

    def test_that_does_not_end_is_one_of_three_times_the_usual(self) -> None:
        job = Listener({"slow": "auto"})
        assert job.drags_on(NOON, NOON + HOUR) == []
        for minute in range(5):
            job.hears("succeeded", NOON + 60 * minute, took=10.0)
        assert job.drags_on(NOON, NOON + 30) == []
        assert len(job.drags_on(NOON, NOON + 31)) == 1

    def test_that_does_not_end_waits_for_the_end_of_a_window_of_maintenance(self) -> None:
        window = {"schedule": "0 12 * * *", "duration": "1h"}
        job = Listener({"slow": "30s"}, maintenance=[window], timezone="UTC")
        began = NOON - NOON % 86_400 + 12 * HOUR
        assert job.drags_on(began, began + HOUR / 2) == []
        assert len(job.drags_on(began, began + HOUR)) == 1

    def test_that_does_not_end_is_of_no_interest_unless_somebody_asks(self) -> None:
        assert Listener().drags_on(NOON, NOON + HOUR) == []
        assert Listener({"slow": "30s", "on": ["failure"]}).drags_on(NOON, NOON + HOUR) == []


class TestAJobWithoutANode:
    def test_is_told_and_so_is_its_end(self) -> None:
        job = Listener()
        health, (alert,) = lacks_node(job.health, job.watched, "no node is up", NOON, told_at=None)
        assert (alert.title, alert.message) == ("job j has no node", "no node is up")
        health, (ended,) = has_node(health, job.watched, NOON + HOUR)
        assert (ended.ended, ended.since) == (True, NOON)
        assert (health.unplaced_since, health.told) == (None, {})

    def test_is_in_the_message_of_its_node(self) -> None:
        job = Listener()
        job.health, told = lacks_node(job.health, job.watched, "none", NOON, told_at=NOON - 9)
        assert told == ()
        assert has_node(job.health, job.watched, NOON + 60)[1] == ()
        (again,) = job.looks(NOON + 4 * HOUR)
        assert again.title == "job j still has no node"
        assert len(has_node(job.health, job.watched, NOON + 5 * HOUR)[1]) == 1


class TestMaintenance:
    WINDOW = [{"schedule": "0 8 * * *", "duration": "2h"}]  # 2027-01-15 08:00 UTC is NOON

    def test_keeps_what_is_over_in_time_to_itself(self) -> None:
        job = Listener(maintenance=self.WINDOW)
        for end, at in (("failed", 60), ("missed", 120), ("lost", 180), ("succeeded", 240)):
            job.hears(end, NOON + at, took=1e6)
        job.looks(NOON + 3 * HOUR)
        assert job.told == []
        assert (job.health.missed, job.health.lost) == (1, 1)

    def test_tells_at_its_end_what_is_still_so(self) -> None:
        job = Listener(maintenance=self.WINDOW)
        job.hears("failed", NOON + 60, reason="exit 3")
        assert job.looks(NOON + 2 * HOUR - 1) == []
        (alert,) = job.looks(NOON + 2 * HOUR)
        assert (alert.cause, alert.reason, alert.since) == ("failure", "exit 3", NOON + 60)
        assert job.looks(NOON + 2 * HOUR + 1) == []
        assert len(job.hears("succeeded", NOON + 3 * HOUR)) == 1

    def test_puts_reminders_off(self) -> None:
        job = Listener({"remind": "1h"}, maintenance=self.WINDOW)
        job.hears("failed", NOON - 60)
        assert job.looks(NOON + HOUR) == []
        assert len(job.looks(NOON + 2 * HOUR)) == 1

    def test_keeps_to_itself_that_a_flapping_job_fails_for_good(self) -> None:
        job = Listener(maintenance=self.WINDOW)
        for minute, end in enumerate(("failed", "succeeded") * 2 + ("failed",)):
            job.hears(end, NOON - 600 + 60 * minute)
        assert job.causes()[-1] == "flapping"
        assert job.looks(NOON + HOUR) == []
        (alert,) = job.looks(NOON + 2 * HOUR)
        assert (alert.cause, alert.facts["settled"]) == ("failure", 1)

    def test_does_not_keep_back_that_it_is_over(self) -> None:
        job = Listener(maintenance=self.WINDOW)
        job.hears("failed", NOON - 60)
        assert len(job.hears("succeeded", NOON + 60)) == 1


class TestTime:
    def test_reminds_of_a_job_that_goes_on_failing(self) -> None:
        job = Listener({"remind": "2h"})
        job.hears("failed", NOON)
        assert job.looks(NOON + 2 * HOUR - 1) == []
        (alert,) = job.looks(NOON + 2 * HOUR)
        assert alert.title == "job j still fails"
        assert alert.message.startswith("for 2h, 1 time in a row")
        assert job.looks(NOON + 2 * HOUR + 1) == []

    def test_does_not_remind_whom_it_is_not_to(self) -> None:
        job = Listener({"remind": 0})
        job.hears("failed", NOON)
        assert job.looks(NOON + 1000 * HOUR) == []

    def test_counts_events_and_tells_them_together(self) -> None:
        job = Listener({"remind": "1h"})
        job.hears("missed", NOON)
        for minute in (1, 2, 3):
            job.hears("missed", NOON + 60 * minute, count=2, reason="no node")
        (alert,) = job.looks(NOON + HOUR)
        assert alert.title == "job j missed 6 more ticks"
        assert job.looks(NOON + 2 * HOUR) == []
        assert len(job.hears("missed", NOON + 3 * HOUR)) == 1

    def test_keeps_what_a_flapping_job_loses_and_tells_it_later(self) -> None:
        job = Listener({"remind": "1h"})
        for minute, end in enumerate(("failed", "succeeded") * 2 + ("failed", "lost", "lost")):
            job.hears(end, NOON + 60 * minute)
        assert job.causes()[-1] == "flapping"
        assert job.looks(NOON + 299 + HOUR)[-1].cause != "lost"
        assert job.looks(NOON + 300 + HOUR)[-1].title == "job j lost 2 more runs"

    @pytest.mark.parametrize(("last", "told"), [("failed", "failure"), ("succeeded", "recovery")])
    def test_tells_what_a_flapping_job_has_settled_to(self, last: str, told: str) -> None:
        job = Listener()
        for minute in range(21):
            job.hears("failed" if minute % 2 == 0 else "succeeded", NOON + 60 * minute)
        job.hears(last, NOON + 60 * 21)
        before = len(job.told)
        assert job.looks(NOON + 60 * 20 + HOUR - 1) == []
        (alert,) = job.looks(NOON + 60 * 20 + HOUR)
        assert (alert.cause, alert.facts["settled"]) == (told, 1)
        assert len(job.told) == before + 1
        job.hears("succeeded", NOON + 5 * HOUR)
        job.hears("failed", NOON + 6 * HOUR)
        assert job.causes()[-1] == "failure"


def day_of(job: Listener, ends: list[str]) -> None:
    for minute, end in enumerate(ends):
        at = NOON + 60 * minute
        job.hears(end, at)
        job.looks(at + 30)


def test_a_minutely_job_that_fails_for_a_day_is_told_of_seven_times() -> None:
    job = Listener()
    day_of(job, ["failed"] * 1440)
    job.hears("succeeded", NOON + 86_400)
    assert job.causes() == ["failure", *["failure again"] * 5, "recovery"]


def test_a_minutely_job_that_flaps_for_a_day_is_told_of_a_dozen_times_at_most() -> None:
    job = Listener()
    day_of(job, ["failed", "succeeded"] * 720 + ["succeeded"] * 61)
    assert job.causes()[-1] == "recovery settled"
    assert len(job.told) <= 12


@given(
    st.lists(
        st.tuples(st.sampled_from("sftkmln"), st.sampled_from([1, 60, 900, 7200, 20_000])),
        max_size=60,
    ),
    st.sampled_from([1, 2, 3]),
    st.sampled_from([0, 3600, 14_400]),
)
def test_whatever_happens_states_begin_and_end_in_turn_and_nothing_is_told_twice(
    steps: list[tuple[str, int]], after: int, remind: int
) -> None:
    job, at = Listener({"after": after, "remind": remind}), NOON
    for end, seconds in steps:
        at += seconds
        hear_end(job, end, at)
        job.looks(at + 0.5)
    ids = [alert.id for alert in job.told]
    assert len(ids) == len(set(ids))
    states = [c for c in job.causes() if c.partition(" ")[0] in ("failure", "recovery", "flapping")]
    believed = "well"
    for told in states:
        match told:
            case "failure" | "flapping":
                assert believed == "well"
                believed = told
            case "recovery":
                assert believed == "failure"
                believed = "well"
            case "failure again" | "flapping again":
                assert believed == told.partition(" ")[0]
            case "failure settled" | "recovery settled":
                assert believed == "flapping"
                believed = "failure" if told == "failure settled" else "well"
    if believed != "flapping":
        assert (believed == "failure") == (job.health.consecutive_failures >= after)
    assert len(job.told) <= 4 + len(steps)


@given(st.lists(st.sampled_from("sfml"), min_size=1, max_size=300), st.sampled_from([60, 600]))
def test_a_job_is_never_told_of_more_than_its_reminders_and_a_few_words(
    ends: list[str], every: int
) -> None:
    job = Listener()
    for number, end in enumerate(ends):
        hear_end(job, end, NOON + every * number)
        job.looks(NOON + every * number + 30)
    hours = every * len(ends) / HOUR
    told = Counter(cause.partition(" ")[0] for cause in job.causes())
    # Two changes within an hour before it is flapping; then a word when it settles, an hour later.
    assert told["failure"] + told["recovery"] + told["flapping"] <= 5 + 6 * hours
    assert max(told["missed"], told["lost"]) <= 1 + hours / 4
