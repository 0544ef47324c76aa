"""A line that grows too long is told in digests, and nobody's state is told in the wrong order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from crony_ops.alerts.line import subjects, waits
from crony_ops.alerts.overflow import KEPT, LONGEST_LINE, MOST_GATHERED, overflow
from crony_ops.model.alert import Alert, Delivery, DeliveryState, Severity

NOON = 1_800_000_000.0


def an_alert(n: int, cause: str = "failure", job: str = "") -> Alert:
    return Alert(
        id=f"a{n}",
        cause=cause,
        severity=Severity.warning,
        title="",
        message="",
        at=NOON + n,
        job=job or f"job-{n}",
        ended=cause == "recovery",
        deliveries={"mail": Delivery(), "hook": Delivery(state=DeliveryState.delivered)},
    )


def after(alerts: list[Alert], now: float = NOON + 9999) -> list[Alert]:
    """The line once its overflow is gathered."""
    found = overflow(alerts, "mail", (), now)
    told = {alert_id: ways for one in found for alert_id, ways in one.deliveries.items()}
    left = [
        a.model_copy(update={"deliveries": {**a.deliveries, **told.get(a.id, {})}}) for a in alerts
    ]
    return [a for a in (*left, *(one.digest for one in found)) if waits(a, "mail")]


def test_a_line_as_long_as_it_may_be_is_left_alone() -> None:
    assert overflow([an_alert(n) for n in range(LONGEST_LINE)], "mail", (), NOON) == []


def test_the_oldest_go_as_they_are_and_a_digest_names_all_others() -> None:
    alerts = [an_alert(n) for n in range(LONGEST_LINE + 1)]
    [found] = overflow(alerts, "mail", (), NOON + 9999)
    assert found.digest.names == tuple(f"job-{n}" for n in range(KEPT, LONGEST_LINE + 1))
    assert set(found.digest.deliveries) == {"mail"}
    assert len(after(alerts)) == KEPT + 1
    ways = found.deliveries["a99"]
    assert ways["mail"].answer == found.digest.id


def test_what_is_being_sent_this_moment_is_in_no_digest() -> None:
    alerts = [an_alert(n) for n in range(LONGEST_LINE + 1)]
    [found] = overflow(alerts, "mail", {"a70"}, NOON)
    assert "a70" not in found.deliveries


def test_digests_are_gathered_in_turn_and_forget_no_name() -> None:
    line: list[Alert] = []
    for n in range(300):
        line = after([*line, an_alert(n)], NOON + n)
    assert len(line) <= LONGEST_LINE
    named = {name for alert in line for name in (alert.names or (alert.job,))}
    assert named == {f"job-{n}" for n in range(300)}


def test_who_has_people_of_their_own_are_told_one_by_one_however_many_they_are() -> None:
    alone = [
        an_alert(n).model_copy(update={"deliveries": {"mail": Delivery(to=(f"{n}@x.test",))}})
        for n in range(LONGEST_LINE)
    ]
    alike = [an_alert(n) for n in range(LONGEST_LINE, LONGEST_LINE + 2)]
    [found] = overflow([*alone, *alike], "mail", (), NOON)
    assert found.digest.names == tuple(alert.job for alert in alike)


def test_one_digest_tells_of_no_more_than_one_transaction_holds() -> None:
    found = overflow([an_alert(n) for n in range(500)], "mail", (), NOON)
    assert max(len(one.deliveries) for one in found) == MOST_GATHERED


@given(
    st.lists(
        st.tuples(st.sampled_from(["failure", "recovery"]), st.integers(0, 30)),
        min_size=LONGEST_LINE + 1,
        max_size=LONGEST_LINE + 40,
    )
)
def test_the_last_word_about_a_job_stays_the_last(made: list[tuple[str, int]]) -> None:
    alerts = [an_alert(n, cause, f"job-{job}") for n, (cause, job) in enumerate(made)]
    line = after(alerts)
    for job in {alert.job for alert in alerts}:
        before = [alert.cause for alert in alerts if alert.job == job]
        told = [alert.cause for alert in line if job in subjects(alert)]
        assert told[-1] == before[-1]
