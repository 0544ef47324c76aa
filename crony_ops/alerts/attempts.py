"""When a message that was not taken is tried again, and when it is given up. Pure.

There are two pauses. A message's own keeps one that a server chokes on from being sent for ever;
a channel's keeps a hundred messages from being held against a server that is down.
"""

from __future__ import annotations

from crony_ops.model.alert import MAX_ANSWER, Alert, Delivery, DeliveryState

FIRST_PAUSE, LONGEST_PAUSE = 5.0, 900.0
"""Seconds between two attempts at one message."""
FIRST_REST, LONGEST_REST = 1.0, 60.0
"""Seconds that a channel rests after a failure."""
PATIENCE = 86_400.0
"""Seconds from the making of an alert until it is given up."""
FEWEST_ATTEMPTS = 3
"""However old an alert is by then: nobody may have led for a day."""


def after_success(before: Delivery, answer: str, now: float) -> Delivery:
    return before.model_copy(
        update={
            "state": DeliveryState.delivered,
            "attempts": before.attempts + 1,
            "next_at": 0.0,
            "at": now,
            "answer": in_a_line(answer),
        }
    )


def after_failure(
    before: Delivery,
    reason: str,
    *,
    permanent: bool,
    retry_after: float | None,
    made_at: float,
    now: float,
    spread: float,
) -> Delivery:
    """``made_at`` is the alert's. ``retry_after`` (seconds) is what the server asked for: it is
    not tried sooner. ``spread`` in [0, 1) takes up to half of a pause away, so that watchers and
    messages don't knock in step."""
    attempts = before.attempts + 1
    pause = max(
        _pause(attempts, FIRST_PAUSE, LONGEST_PAUSE, spread), min(retry_after or 0.0, PATIENCE)
    )
    over = attempts >= FEWEST_ATTEMPTS and now + pause > made_at + PATIENCE
    given_up = permanent or over
    return before.model_copy(
        update={
            "state": DeliveryState.given_up if given_up else DeliveryState.retrying,
            "attempts": attempts,
            "next_at": 0.0 if given_up else now + pause,
            "at": now,
            "answer": in_a_line(reason),
        }
    )


def asked_again(alert: Alert, now: float) -> Alert:
    """Somebody wants it tried again: at once, on every channel that gave it up or waits with the
    next attempt; FEWEST_ATTEMPTS times at least, however old it is."""
    fresh = {"state": DeliveryState.waiting, "attempts": 0, "next_at": 0.0, "at": now}
    again = {
        channel: delivery.model_copy(update=fresh)
        for channel, delivery in alert.deliveries.items()
        if delivery.state in (DeliveryState.given_up, DeliveryState.retrying)
    }
    return alert.model_copy(update={"deliveries": {**alert.deliveries, **again}})


def rest(failures: int, retry_after: float | None, spread: float) -> float:
    """Seconds, LONGEST_REST at most, that a channel sends nothing after so many ``failures`` in a
    row; 0 after none. What the server asks for beyond that holds only for the message that it was
    asked of: another may be welcome, and somebody may want one tried again."""
    if not failures:
        return 0.0
    return max(
        _pause(failures, FIRST_REST, LONGEST_REST, spread), min(retry_after or 0.0, LONGEST_REST)
    )


def in_a_line(words: str) -> str:
    """At most MAX_ANSWER characters, without anything that a terminal or a log would act on."""
    printable = "".join(c if c.isprintable() else " " for c in words[: 4 * MAX_ANSWER])
    return " ".join(printable.split())[:MAX_ANSWER]


def _pause(failures: int, first: float, longest: float, spread: float) -> float:
    # The exponent is bounded, for 2.0 ** 1100 is no number.
    return min(longest, first * 2.0 ** min(failures - 1, 30)) * (1 - spread / 2)
