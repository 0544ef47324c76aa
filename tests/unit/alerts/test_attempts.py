"""When a message is tried again, and when it is given up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crony_ops.alerts.attempts import (
    FEWEST_ATTEMPTS,
    FIRST_PAUSE,
    LONGEST_PAUSE,
    LONGEST_REST,
    PATIENCE,
    after_failure,
    after_success,
    asked_again,
    in_a_line,
    rest,
)
from crony_ops.model.alert import MAX_ANSWER, Alert, Delivery, DeliveryState, Severity

NOON = 1_800_000_000.0
HOUR = 3600.0
spreads = st.floats(0, 1, exclude_max=True)


def failed(
    attempts: int = 0,
    *,
    permanent: bool = False,
    retry_after: float | None = None,
    age: float = 0.0,
    spread: float = 0.0,
) -> Delivery:
    return after_failure(
        Delivery(attempts=attempts),
        "connection refused",
        permanent=permanent,
        retry_after=retry_after,
        made_at=NOON - age,
        now=NOON,
        spread=spread,
    )


@pytest.mark.parametrize(
    ("failures", "pause"),
    [(1, 5), (2, 10), (3, 20), (4, 40), (8, 640), (9, 900), (50, 900), (5000, 900)],
)
def test_the_pause_doubles_up_to_a_quarter_of_an_hour(failures: int, pause: float) -> None:
    delivery = failed(failures - 1)
    assert delivery.state is DeliveryState.retrying
    assert delivery.next_at == NOON + pause


@given(attempts=st.integers(0, 10_000), spread=spreads)
def test_jitter_takes_half_of_the_pause_at_most(attempts: int, spread: float) -> None:
    pause = failed(attempts, spread=spread).next_at - NOON
    longest = failed(attempts).next_at - NOON
    assert FIRST_PAUSE / 2 <= longest / 2 <= pause <= longest <= LONGEST_PAUSE


@pytest.mark.parametrize(("asked", "pause"), [(1, 5), (120, 120), (HOUR, HOUR), (None, 5), (-3, 5)])
def test_what_the_server_asks_for_is_waited_at_least(asked: float | None, pause: float) -> None:
    assert failed(retry_after=asked).next_at == NOON + pause


def test_a_server_that_asks_for_more_than_a_day_is_given_a_day() -> None:
    assert failed(retry_after=1e9).next_at == NOON + PATIENCE


def test_a_permanent_error_is_given_up_at_once() -> None:
    delivery = failed(permanent=True)
    assert (delivery.state, delivery.attempts) == (DeliveryState.given_up, 1)
    assert delivery.answer == "connection refused"


def test_a_failing_message_is_tried_for_a_day_and_some_hundred_times() -> None:
    delivery, now = Delivery(), NOON
    while True:
        delivery = after_failure(
            delivery, "", permanent=False, retry_after=None, made_at=NOON, now=now, spread=0.0
        )
        if delivery.state is DeliveryState.given_up:
            break
        now = delivery.next_at
    assert PATIENCE - LONGEST_PAUSE < now - NOON <= PATIENCE
    assert 90 < delivery.attempts < 120


@pytest.mark.parametrize(
    ("attempts", "state"),
    [
        (FEWEST_ATTEMPTS - 2, DeliveryState.retrying),
        (FEWEST_ATTEMPTS - 1, DeliveryState.given_up),
    ],
)
def test_an_alert_that_waited_for_a_leader_for_days_is_tried_some_times_all_the_same(
    attempts: int, state: DeliveryState
) -> None:
    assert failed(attempts, age=3 * PATIENCE).state is state


def test_success_keeps_the_answer_and_counts_the_attempt() -> None:
    assert after_success(Delivery(attempts=2), "250 OK\r\n", NOON) == Delivery(
        state=DeliveryState.delivered, attempts=3, at=NOON, answer="250 OK"
    )


@given(failures=st.integers(0, 10_000), asked=st.none() | st.floats(0, PATIENCE), spread=spreads)
def test_a_channel_rests_after_failures_only_and_a_minute_at_most_whatever_is_asked(
    failures: int, asked: float | None, spread: float
) -> None:
    seconds = rest(failures, asked, spread)
    assert (seconds == 0.0) == (failures == 0)
    if failures:
        assert min(asked or 0.0, LONGEST_REST) <= seconds <= LONGEST_REST


def test_asked_again_it_is_due_at_once_where_it_has_not_arrived() -> None:
    states = DeliveryState
    alert = Alert(
        id="a",
        cause="failure",
        severity=Severity.warning,
        title="",
        message="",
        at=NOON - 5 * PATIENCE,
        deliveries={
            "mail": Delivery(state=states.given_up, attempts=9, answer="550 no such user"),
            "feishu": Delivery(state=states.delivered, attempts=1),
            "hook": Delivery(state=states.retrying, attempts=4, next_at=NOON + 800),
            "quiet": Delivery(state=states.silenced),
        },
    )
    again = asked_again(alert, NOON).deliveries
    due = Delivery(state=states.waiting, at=NOON)
    assert again == {
        **alert.deliveries,
        "mail": due.model_copy(update={"answer": "550 no such user"}),
        "hook": due,
    }


@given(st.text())
def test_an_answer_is_one_printable_line(words: str) -> None:
    line = in_a_line(words)
    assert len(line) <= MAX_ANSWER
    assert line.isprintable()
