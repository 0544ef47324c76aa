"""Whether alerts arrive, as `status` tells it."""

from __future__ import annotations

from crony_ops.cli.view.alert_delivery import FailingChannel, alert_delivery
from crony_ops.model.alert import Alert, Delivery, DeliveryState, Severity

NOON = 1_800_000_000.0
DELIVERED, GIVEN_UP = DeliveryState.delivered, DeliveryState.given_up


def over(**ways: Delivery) -> Alert:
    return Alert(
        id="a",
        cause="failure",
        severity=Severity.info,
        title="",
        message="",
        at=NOON - 5,
        deliveries=ways,
    )


def test_alerts_are_counted_once_whatever_the_number_of_their_channels() -> None:
    recent = Delivery(state=DELIVERED, at=NOON - 60)
    found = alert_delivery(
        [
            over(mail=recent, hook=recent),
            over(mail=Delivery(state=DELIVERED, at=NOON - 4000)),
            over(mail=Delivery(), hook=recent),
            over(),
        ],
        NOON,
    )
    assert (found.delivered_last_hour, found.waiting, found.given_up) == (2, 1, 0)
    assert found.troubles == []


def test_what_was_given_up_is_a_trouble_for_a_day() -> None:
    lately, long_ago = (Delivery(state=GIVEN_UP, at=NOON - ago) for ago in (80_000, 90_000))
    found = alert_delivery([over(mail=lately), over(mail=long_ago)], NOON)
    assert found.given_up == 1
    assert found.troubles == ["1 alert was given up: `crony-ops alerts` says why"]


def test_a_channel_that_fails_is_named_with_its_last_word() -> None:
    first, last = (
        Delivery(state=DeliveryState.retrying, at=NOON - ago, answer=words)
        for ago, words in ((9, "timed out"), (3, "421 not now"))
    )
    found = alert_delivery([over(mail=last), over(mail=first), over(hook=Delivery())], NOON)
    assert found.failing == (FailingChannel("mail", 2, "421 not now"),)
    assert found.troubles == ["channel mail fails: 421 not now"]
