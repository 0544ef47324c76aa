"""Sizes as people write them: ``64KiB``, ``10MiB``, ``1GiB``; a bare number is bytes."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, Field

_UNITS = {"": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_WRITTEN = re.compile(r"([0-9]{1,15}) ?(KiB|MiB|GiB|TiB|)")


def parse_size(written: object) -> int:
    """Whole bytes. Raises ValueError, in words for the person who wrote it."""
    match = None
    if isinstance(written, int | str) and not isinstance(written, bool):
        match = _WRITTEN.fullmatch(str(written))
    if match is None:
        raise ValueError("a size is written as 64KiB, 10MiB or 1GiB, or as a number of bytes")
    return int(match[1]) * _UNITS[match[2]]


Size = Annotated[
    int,
    BeforeValidator(parse_size, json_schema_input_type=int | str),
    Field(description="bytes, or 64KiB, 10MiB, 1GiB"),
]
