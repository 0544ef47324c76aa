"""Who is next on a channel."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from crony_ops.alerts.line import next_in_line, subjects, under_way
from crony_ops.model.alert import Alert, Delivery, DeliveryState, Severity

NOON = 1_800_000_000.0
STATES = st.sampled_from(list(DeliveryState))


def an_alert(name: str, job: str = "", *, next_at: float | None = 0.0, **fields: object) -> Alert:
    """On its way over mail, unless ``next_at`` is None."""
    alert = Alert(
        id=name, cause="failure", severity=Severity.warning, title="", message="", at=NOON, job=job
    )
    mail = {} if next_at is None else {"mail": Delivery(next_at=next_at)}
    return alert.model_copy(update={"deliveries": mail, **fields})


def test_the_oldest_that_is_due_is_next() -> None:
    alerts = [
        an_alert("not for mail", next_at=None),
        an_alert("later", "x", next_at=NOON + 9),
        an_alert("now", "y"),
        an_alert("after it", "z"),
    ]
    assert next_in_line(alerts, "mail", NOON).alert is alerts[2]


def test_a_recovery_waits_for_the_failure_that_it_ends() -> None:
    alerts = [an_alert("failed", "x", next_at=NOON + 9), an_alert("well again", "x")]
    assert next_in_line(alerts, "mail", NOON) == (None, NOON + 9)
    assert next_in_line(alerts, "mail", NOON + 9).alert is alerts[0]


def test_a_digest_is_about_all_that_it_names() -> None:
    digest = an_alert("digest", next_at=NOON + 9, names=("x", "y"))
    assert next_in_line([digest, an_alert("y is well", "y")], "mail", NOON).alert is None
    assert next_in_line([digest, an_alert("z", "z")], "mail", NOON).alert is not None


def test_nothing_to_do_is_never_due() -> None:
    assert next_in_line([], "mail", NOON) == (None, math.inf)
    delivered = {"mail": Delivery(state=DeliveryState.delivered)}
    alert = an_alert("done", deliveries=delivered)
    assert next_in_line([alert], "mail", NOON) == (None, math.inf)
    assert not under_way(alert)


def test_alerts_about_nothing_in_particular_hold_nothing_back() -> None:
    alerts = [an_alert("one", next_at=NOON + 9), an_alert("two")]
    assert next_in_line(alerts, "mail", NOON).alert is alerts[1]


@given(
    st.lists(
        st.tuples(st.sampled_from("xyz"), STATES, st.sampled_from([0.0, NOON + 5, NOON + 10])),
        max_size=12,
    )
)
def test_within_a_subject_all_go_in_order_and_none_is_left(
    made: list[tuple[str, DeliveryState, float]],
) -> None:
    alerts = [
        an_alert(str(n), job, deliveries={"mail": Delivery(state=state, next_at=at)})
        for n, (job, state, at) in enumerate(made)
    ]
    todo = [alert.id for alert in alerts if under_way(alert)]
    sent: list[Alert] = []
    now = NOON
    while (following := next_in_line(alerts, "mail", now)).at < math.inf:
        if following.alert is None:
            assert following.at > now
            now = following.at
            continue
        sent.append(following.alert)
        alerts[alerts.index(following.alert)] = following.alert.model_copy(
            update={"deliveries": {"mail": Delivery(state=DeliveryState.delivered)}}
        )
    assert sorted(alert.id for alert in sent) == sorted(todo)
    for subject in {s for alert in alerts for s in subjects(alert)}:
        order = [int(alert.id) for alert in sent if subject in subjects(alert)]
        assert order == sorted(order)
