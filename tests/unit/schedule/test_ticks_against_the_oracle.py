"""The fast enumeration of ticks against brute force, around every transition of many zones."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crony_ops.schedule import parse_schedule
from crony_ops.schedule.zone import _spans

from . import oracle

_HOUR, _DAY = 3600, 86_400

ZONES = (
    "Africa/Cairo",  # at midnight, and on Thursdays
    "Africa/Casablanca",  # four transitions a year for Ramadan in some years
    "America/Asuncion",
    "America/Havana",  # back at 1:00 to 0:00
    "America/New_York",
    "America/Santiago",  # forward at 24:00
    "Antarctica/Troll",  # two hours
    "Asia/Beirut",  # forward at 0:00
    "Asia/Shanghai",  # none
    "Atlantic/Azores",  # 0:00 to 1:00
    "Australia/Lord_Howe",  # half an hour
    "Europe/Berlin",
    "Europe/Dublin",  # negative DST
    "Pacific/Apia",  # no 30 December 2011
    "Pacific/Chatham",  # at 2:45
)
# In multiples of five minutes, so that brute force may take such steps.
EXPRESSIONS = (
    "30 2 * * *",
    "0 0 * * *",
    "*/15 * * * *",
    "0 */2 * * *",
    "15,45 0-3 * * *",
    "30 0,23 * * 5",
    "*/5 2 * * *",
    "0 0-6/3 * * *",
    "45 23 L * *",
    "0 3 * * 0#2,0#5,L0",
    "10 2 25-31 3,10,11 0",
)
YEARS = (2011, 2025)


@cache
def transitions(zone: ZoneInfo) -> tuple[int, ...]:
    found = []
    for year in YEARS:
        start = int(datetime(year, 1, 1, tzinfo=ZoneInfo("UTC")).timestamp())
        end = int(datetime(year + 1, 1, 1, tzinfo=ZoneInfo("UTC")).timestamp())
        offsets = [
            (moment, datetime.fromtimestamp(moment, zone).utcoffset())
            for moment in range(start, end, 6 * _HOUR)
        ]
        found += [
            moment for (moment, offset), (_, following) in pairwise(offsets) if offset != following
        ]
    return tuple(found)


@cache
def walk_around(zone: ZoneInfo, transition: int, step: int = 300) -> oracle.Walk:
    return oracle.walk(zone, transition - 6 * _HOUR, transition + 30 * _HOUR, step)


def compare(expression: str, zone: ZoneInfo, along: oracle.Walk) -> None:
    """Every way of asking for the ticks agrees with brute force."""
    # The oracle does not know what came before its walk, so its first three hours prove nothing.
    a, b = along.moments[0][0] + 3 * _HOUR, along.moments[-1][0]
    expected = [tick for tick in oracle.ticks(expression, along) if a < tick <= b]
    schedule = parse_schedule(expression, timezone=zone.key, job_id="job")
    assert list(schedule.between(a, b)) == expected, (expression, zone.key)
    assert list(schedule.between_backwards(a, b)) == expected[::-1], (expression, zone.key)
    assert schedule.count(a, b) == len(expected), (expression, zone.key)


@pytest.mark.parametrize("name", ZONES)
def test_every_transition_fires_what_brute_force_fires(name: str) -> None:
    zone = ZoneInfo(name)
    for number, transition in enumerate(transitions(zone)):
        for expression in EXPRESSIONS[number % 4 :: 4]:
            compare(expression, zone, walk_around(zone, transition))


@pytest.mark.parametrize("name", ["Antarctica/Troll", "Australia/Lord_Howe"])
def test_where_the_spans_of_a_zone_are_cut_makes_no_difference(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also not in the middle of a repeated hour: cut every 17 minutes instead of every year."""
    monkeypatch.setattr("crony_ops.schedule.zone._CHUNK_BITS", 10)
    monkeypatch.setattr("crony_ops.schedule.zone._spans", _spans.__wrapped__)
    zone = ZoneInfo(name)
    for transition in transitions(zone)[:2]:
        for expression in EXPRESSIONS[:5:2]:
            compare(expression, zone, walk_around(zone, transition))


def test_the_transitions_include_every_kind() -> None:
    """Else the test above would guard less than it says."""
    jumps = set()
    for name in ZONES:
        zone = ZoneInfo(name)
        for moment in transitions(zone):
            before = datetime.fromtimestamp(moment, zone).utcoffset()
            after = datetime.fromtimestamp(moment + 6 * _HOUR, zone).utcoffset()
            assert before is not None
            assert after is not None
            jumps.add((after - before) / timedelta(minutes=1))
    assert jumps == {-120, -60, -30, 30, 60, 120, 24 * 60}
    assert not transitions(ZoneInfo("Asia/Shanghai"))


@pytest.mark.parametrize("name", ["Europe/Berlin", "Australia/Lord_Howe"])
def test_seconds_around_a_transition(name: str) -> None:
    zone = ZoneInfo(name)
    for rough in transitions(zone)[-2:]:
        before = datetime.fromtimestamp(rough, zone).utcoffset()
        exact = next(
            moment
            for moment in range(rough, rough + 7 * _HOUR, 60)
            if datetime.fromtimestamp(moment, zone).utcoffset() != before
        )
        along = oracle.walk(zone, exact - 4 * _HOUR, exact + 5400, 5)
        for expression in (
            "* 2 * * *",
            "*/20 30 2 * * *",
            "*/25 * * * * *",
            "5,50 59 1,2 * * *",
            "30 0 3 * * *",
        ):
            compare(expression, zone, along)


def _number(low: int, high: int) -> st.SearchStrategy[str]:
    return st.integers(low, high).map(str)


def _range(low: int, high: int) -> st.SearchStrategy[str]:
    def written(ends: tuple[int, int], step: int) -> str:
        start, end = sorted(ends)
        suffix = f"/{step}" if 1 < step <= end - start else ""
        return f"{start}-{end}{suffix}"

    ends = st.tuples(st.integers(low, high), st.integers(low, high))
    return st.builds(written, ends, st.integers(1, 20))


def _field(low: int, high: int, longest_step: int = 7) -> st.SearchStrategy[str]:
    step = st.integers(1, min(longest_step, high - low)).map(lambda n: f"*/{n}")
    listed = st.lists(_number(low, high) | _range(low, high), min_size=1, max_size=3)
    return st.just("*") | step | listed.map(",".join)


MONTHDAYS = _field(1, 31, longest_step=6) | st.sampled_from(["L", "1,L", "15"])
WEEKDAYS = _field(0, 7) | st.sampled_from(["0#1", "5#3,7#5", "L5", "1,L0", "2#2,4"])
# With three months at least, one of them 31 days long, every expression fires somewhere.
MONTHS = st.just("*") | st.sampled_from(["1-12/2", "3,5,10", "*/3", "10-12", "1,2,3"])
CRON = st.builds(
    lambda *fields: " ".join(fields), _field(0, 59), _field(0, 23), MONTHDAYS, MONTHS, WEEKDAYS
)


@given(expression=CRON, name=st.sampled_from(ZONES), pick=st.integers(0, 1000))
def test_any_expression_fires_what_brute_force_fires(expression: str, name: str, pick: int) -> None:
    zone = ZoneInfo(name)
    all_transitions = transitions(zone) or (1_700_000_000,)
    transition = all_transitions[pick % len(all_transitions)]
    compare(expression, zone, walk_around(zone, transition, step=60))


@given(days=st.tuples(MONTHDAYS, MONTHS, WEEKDAYS), year=st.integers(1999, 2030))
def test_any_days_match_those_of_brute_force(days: tuple[str, str, str], year: int) -> None:
    expression = f"0 12 {' '.join(days)}"
    utc = ZoneInfo("UTC")
    a, b = (int(datetime(y, 1, 1, tzinfo=utc).timestamp()) for y in (year, year + 1))
    noons = range(a + _DAY // 2, b, _DAY)
    expected = [
        noon
        for noon in noons
        if oracle.day_matches(expression, datetime.fromtimestamp(noon, utc).date())
    ]
    schedule = parse_schedule(expression, timezone="UTC", job_id="job")
    assert list(schedule.between(a, b)) == expected
    assert list(schedule.between_backwards(a, b)) == expected[::-1]
    assert schedule.count(a, b) == len(expected)


@given(
    expression=CRON
    | st.sampled_from(["@every 7s", "@every 1h30m", "*/10 * * * * *", "0 0 29 2 *"]),
    name=st.sampled_from(ZONES),
    t=st.integers(0, 4_000_000_000),
)
def test_forward_and_backward_are_inverse(expression: str, name: str, t: int) -> None:
    schedule = parse_schedule(expression, timezone=name, job_id="job")
    tick = schedule.next_after(t)
    assert tick > t
    following = schedule.next_after(tick)
    assert schedule.previous_before(following) == tick
    assert schedule.newest_at(tick) == tick
    assert schedule.newest_at(following - 1) == tick
    assert schedule.count(t, following) == 2
    assert schedule.count(t, tick - 1) == 0
