from __future__ import annotations

import time
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crony_ops.schedule import Gap, MissedTicks, account_for_missed, parse_schedule

Policy = Literal["latest", "all", "skip"]
MINUTELY = parse_schedule("* * * * *", timezone="UTC", job_id="job")
MIDNIGHT = 1_795_305_600


def missed(policy: Policy, *, now: float, grace: float = 300, **details: int) -> MissedTicks | None:
    """What became of a minutely job whose cursor stands at midnight; ``now`` counts from there."""
    splay, maximum = details.get("splay", 0), details.get("maximum", 100)
    found = account_for_missed(
        MINUTELY,
        cursor=MIDNIGHT,
        now=MIDNIGHT + now,
        splay=splay,
        policy=policy,
        grace=grace,
        maximum=maximum,
    )
    if found is None:
        return None
    gap = found.gap and Gap(found.gap.first - MIDNIGHT, found.gap.last - MIDNIGHT, found.gap.count)
    return MissedTicks(
        found.cursor - MIDNIGHT, tuple(tick - MIDNIGHT for tick in found.make_up), gap
    )


def test_nothing_due_is_nothing_missed() -> None:
    assert missed("all", now=59.9) is None
    assert missed("all", now=0) is None
    assert missed("all", now=-3600) is None


def test_a_tick_is_due_only_after_its_splay() -> None:
    assert missed("all", now=69.9, splay=10) is None
    assert missed("all", now=70, splay=10) == MissedTicks(60, (60,), None)


def test_latest_makes_up_the_newest_tick_and_records_the_rest() -> None:
    assert missed("latest", now=200) == MissedTicks(180, (180,), Gap(60, 120, 2))
    assert missed("latest", now=60) == MissedTicks(60, (60,), None)


def test_past_the_grace_latest_makes_up_nothing() -> None:
    assert missed("latest", now=200, grace=20) == MissedTicks(180, (180,), Gap(60, 120, 2))
    assert missed("latest", now=200, grace=19.5) == MissedTicks(180, (), Gap(60, 180, 3))


def test_the_grace_is_counted_from_the_splayed_start() -> None:
    assert missed("latest", now=75, grace=5, splay=10) == MissedTicks(60, (60,), None)
    assert missed("latest", now=76, grace=5, splay=10) == MissedTicks(60, (), Gap(60, 60, 1))


def test_all_makes_up_the_newest_in_order_up_to_a_maximum() -> None:
    assert missed("all", now=200) == MissedTicks(180, (60, 120, 180), None)
    assert missed("all", now=300, maximum=2) == MissedTicks(300, (240, 300), Gap(60, 180, 3))
    assert missed("all", now=300, grace=60) == MissedTicks(300, (240, 300), Gap(60, 180, 3))


def test_skip_records_all() -> None:
    assert missed("skip", now=200) == MissedTicks(180, (), Gap(60, 180, 3))


@settings(max_examples=50)
@given(
    expression=st.sampled_from(["*/7 * * * * *", "* * * * *", "@every 45s", "0 */2 * * *"]),
    away=st.floats(-10, 20_000),
    splay=st.integers(0, 600),
    policy=st.sampled_from(["latest", "all", "skip"]),
    grace=st.floats(0, 20_000) | st.just(float("inf")),
    maximum=st.integers(0, 120),
)
def test_every_due_tick_is_made_up_or_counted_exactly_once(
    expression: str, away: float, splay: int, policy: Policy, grace: float, maximum: int
) -> None:
    schedule = parse_schedule(expression, timezone="Europe/Berlin", job_id="job")
    now = MIDNIGHT + away
    due = [tick for tick in schedule.between(MIDNIGHT, int(now) + 1) if tick + splay <= now]
    found = account_for_missed(
        schedule,
        cursor=MIDNIGHT,
        now=now,
        splay=splay,
        policy=policy,
        grace=grace,
        maximum=maximum,
    )
    if not due:
        assert found is None
        return
    assert found is not None
    assert found.cursor == due[-1]
    assert len(found.make_up) <= {"latest": 1, "all": maximum, "skip": 0}[policy]
    made_up = list(found.make_up)
    rest = due[: len(due) - len(made_up)]
    assert rest + made_up == due
    assert found.gap == (Gap(rest[0], rest[-1], len(rest)) if rest else None)
    assert all(now - splay - tick <= grace for tick in made_up)
    if rest and policy != "skip" and len(made_up) < (1 if policy == "latest" else maximum):
        assert now - splay - rest[-1] > grace - 1e-6


@pytest.mark.parametrize("policy", ["latest", "all", "skip"])
def test_a_year_of_missed_seconds_costs_little(policy: Policy) -> None:
    schedule = parse_schedule("* * * * * *", timezone="Europe/Berlin", job_id="job")
    started = time.process_time()
    found = account_for_missed(
        schedule,
        cursor=MIDNIGHT - 365 * 86_400,
        now=MIDNIGHT,
        splay=0,
        policy=policy,
        grace=3600,
        maximum=100,
    )
    assert time.process_time() - started < 0.1
    assert found is not None
    assert found.gap is not None
    assert found.gap.count + len(found.make_up) == 365 * 86_400
