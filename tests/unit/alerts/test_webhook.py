"""What goes into a webhook's headers fits there, and an answer means what it should."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crony_ops.alerts.posting import retry_after
from crony_ops.alerts.webhook import idempotency_key

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)


@given(st.text(st.characters(exclude_categories=())))
def test_any_key_fits_into_a_header(key: str) -> None:
    made = idempotency_key(key)
    assert made.isascii()
    assert made.isprintable()
    assert len(made) <= 255


def test_a_plain_key_is_itself_and_a_long_one_has_one_of_its_own() -> None:
    plain = "failure/db-backup/20261123T023000Z-o1"
    assert idempotency_key(plain) == plain
    assert idempotency_key("x" * 1000) != idempotency_key("x" * 1001)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("17", 17.0),
        (" 17 ", 17.0),
        ("9" * 500, 86_400.0),
        ("Mon, 23 Nov 2026 04:01:00 GMT", 60.0),
        ("Mon, 23 Nov 2026 03:00:00 GMT", 0.0),
        ("Mon, 23 Nov 2026 04:01:00 -0000", 60.0),
        ("Mon, 23 Nov 2026 04:01:00 +99999999999999", None),
        ("Mon, 23 Nov 99999999999999999999 04:01:00 GMT", None),
        ("-1", None),
        ("soon", None),
        ("", None),
        ("²", None),
    ],
)
def test_how_long_a_server_wants_to_be_left_alone(header: str, seconds: float | None) -> None:
    assert retry_after(header, NOW) == seconds
