"""Durations as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crony_ops.model.duration import format_duration, parse_duration

YEAR = 366 * 86_400


@given(st.integers(0, YEAR))
def test_what_is_written_is_read_again(seconds: int) -> None:
    assert parse_duration(format_duration(seconds)) == seconds


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("90s", 90), ("5m", 300), ("1h30m", 5400), ("2d", 172_800), ("0s", 0), ("90", 90), (90, 90)],
)
def test_the_usual_spellings(written: object, seconds: int) -> None:
    assert parse_duration(written) == seconds


@pytest.mark.parametrize(
    "written",
    ["", "s", "-5s", "5 m", "5M", "30m1h", "1.5h", "1h1h", "٣s", "²", -1, 1.5, True, None, "367d"],
)
def test_anything_else_is_refused_in_words(written: object) -> None:
    with pytest.raises(ValueError, match=r"duration"):
        parse_duration(written)
