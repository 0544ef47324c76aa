"""No more goes to a service than it takes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from crony_ops.alerts.feishu import PACE
from crony_ops.alerts.pace import Pace


@given(st.lists(st.floats(0, 5), min_size=150, max_size=200))
def test_no_span_has_more_than_its_limit(pauses: list[float]) -> None:
    pace, now, sent = Pace(*PACE), 0.0, []
    for pause in pauses:
        now += pause
        now += pace.wait(now)
        pace.note(now)
        sent.append(now)
    for count, span in PACE:
        assert all(
            later - earlier >= span - 1e-6
            for earlier, later in zip(sent, sent[count:], strict=False)
        )


def test_who_is_within_the_limits_does_not_wait() -> None:
    pace = Pace((2, 1.0))
    assert pace.wait(0.0) == 0.0
    pace.note(0.0)
    assert pace.wait(0.0) == 0.0
    pace.note(0.5)
    assert pace.wait(0.75) == 0.25
    assert pace.wait(1.0) == 0.0
