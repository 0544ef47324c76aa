"""Durations as people write them: ``90s``, ``5m``, ``1h30m``, ``2d``; a bare number is seconds."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Annotated

from pydantic import BeforeValidator, Field

_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
# Longer than any duration within the limits; int() refuses thousands of digits in words of its own.
_LONGEST_TEXT = 60
_WRITTEN = re.compile(r"(?:([0-9]+)d)?(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+)s)?")


def parse_duration(written: object) -> int:
    """Whole seconds. Raises ValueError, in words for the person who wrote it."""
    if isinstance(written, str) and len(written) > _LONGEST_TEXT:
        raise ValueError("a duration is written as 90s, 5m, 1h30m or 2d, not as long as this")
    if isinstance(written, bool) or not isinstance(written, int | str):
        raise ValueError("a duration is written as 90s, 5m, 1h30m or 2d")
    seconds = written if isinstance(written, int) else _read(written)
    if not 0 <= seconds <= 366 * 86_400:
        raise ValueError("a duration lies between 0 and 366 days")
    return seconds


@lru_cache(maxsize=1024)
def _read(written: str) -> int:
    """Kept: thousands of jobs are written with the same few durations."""
    if written.isascii() and written.isdigit():
        return int(written)
    match = _WRITTEN.fullmatch(written)
    if match is None or not written:
        raise ValueError(
            f"{written!r} is no duration: write 90s, 5m, 1h30m or 2d (units in that order)"
        )
    return sum(
        int(n) * unit
        for n, unit in zip(match.groups(), _UNITS.values(), strict=True)
        if n is not None
    )


def format_duration(seconds: float) -> str:
    """The shortest such spelling of whole seconds: 5400 -> ``1h30m``, 0 -> ``0s``."""
    rest = round(seconds)
    parts = []
    for unit, size in _UNITS.items():
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


Duration = Annotated[
    int,
    BeforeValidator(parse_duration, json_schema_input_type=int | str),
    Field(
        description="seconds, or 90s, 5m, 1h30m, 2d",
    ),
]
