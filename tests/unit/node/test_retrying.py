"""What is tried again, and after how long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crony_ops.model.job import Backoff, Retries
from crony_ops.model.run import Attempt, RunState
from crony_ops.node.execution.retrying import is_tried_again, retry_delay
from crony_ops.node.execution.run_folder import Ended


def ended(state: str = "failed", **fields: int) -> Ended:
    attempt = Attempt.model_validate({"number": 1, "started_at": 0, "ended_at": 1, **fields})
    return Ended(state=RunState(state), attempt=attempt)


@pytest.mark.parametrize(
    ("retry_on", "last", "again"),
    [
        ((), ended(exit_code=1), True),
        ((), ended(signal=9), True),
        ((), ended(status=500), True),
        ((), ended(), True),
        ((), ended("timed_out"), True),
        ((), ended("succeeded", exit_code=0), False),
        ((), ended("killed"), False),
        ((), ended("fenced"), False),
        ((), ended("lost"), False),
        ((75,), ended(exit_code=75), True),
        ((75,), ended(exit_code=1), False),
        ((0,), ended(exit_code=0), True),
        ((0,), ended(), False),
        ((137,), ended(signal=9), True),
        ((9,), ended(signal=9), False),
        ((502, 503), ended(status=503), True),
        ((502, 503), ended(status=500), False),
        ((503,), ended("succeeded", status=503), False),
        ((503,), ended(), False),
        ((503,), ended("timed_out"), False),
        ((503,), ended("timed_out", status=503), True),
    ],
)
def test_what_is_tried_again(retry_on: tuple[int, ...], last: Ended, again: bool) -> None:
    assert is_tried_again(Retries(count=1, retry_on=retry_on), [last]) == again


@pytest.mark.parametrize(
    ("count", "attempts", "again"), [(0, 1, False), (2, 2, True), (2, 3, False)]
)
def test_how_often(count: int, attempts: int, again: bool) -> None:
    assert is_tried_again(Retries(count=count), [ended()] * attempts) == again


def test_nothing_is_tried_again_before_the_first_attempt() -> None:
    assert not is_tried_again(Retries(count=1), [])


@pytest.mark.parametrize(
    ("backoff", "delays"),
    [(Backoff.fixed, [10, 10, 10, 10]), (Backoff.exponential, [10, 20, 35, 35])],
)
@pytest.mark.parametrize(("jitter", "lot", "more"), [(0, 0.9, 0), (8, 0.0, 0), (8, 0.25, 2)])
def test_delays(backoff: Backoff, delays: list[float], jitter: int, lot: float, more: int) -> None:
    retries = Retries(delay=10, backoff=backoff, max_delay=35, jitter=jitter)
    found = [retry_delay(retries, attempt, lot) for attempt in (1, 2, 3, 4)]
    assert found == [delay + more for delay in delays]


@given(
    st.builds(
        Retries,
        delay=st.integers(0, 10_000),
        backoff=st.sampled_from(Backoff),
        max_delay=st.integers(0, 10_000),
        jitter=st.integers(0, 10_000),
    ),
    st.integers(1, 101),
    st.floats(0, 1),
)
def test_a_delay_is_bounded(retries: Retries, attempt: int, lot: float) -> None:
    shortest = retry_delay(retries, attempt, 0.0)
    assert 0 <= shortest <= max(retries.delay, retries.max_delay)
    assert shortest <= retry_delay(retries, attempt, lot) <= shortest + retries.jitter
