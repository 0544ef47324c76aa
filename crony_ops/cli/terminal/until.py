"""The options --for and --until: when what a person orders is over."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from crony_ops.cli.terminal.waiting import read_duration
from crony_ops.errors import InvalidInput

ForOption = Annotated[
    str | None, typer.Option("--for", metavar="DURATION", help="how long: 2h, 1d")
]
UntilOption = Annotated[
    str | None, typer.Option("--until", metavar="TIME", help="until when: 2026-12-01T08:00")
]


def end_of(how_long: str | None, until: str | None, now: float) -> float | None:
    """Unix seconds, after ``now``; None for what has no end. An ISO time without an offset
    is in this machine's zone.

    Raises InvalidInput.
    """
    if how_long is not None and until is not None:
        raise InvalidInput(reason="--for and --until say the same: give one of them")
    if how_long is not None:
        duration = read_duration("--for", how_long)
        if not duration:
            raise InvalidInput(reason=f"--for {how_long!r} is over at once")
        return now + duration
    if until is None:
        return None
    try:
        end = datetime.fromisoformat(until).timestamp()
    except ValueError:
        raise InvalidInput(
            reason=f"--until {until!r} is no time (2026-12-01T08:00); a duration goes with --for"
        ) from None
    if end <= now:
        raise InvalidInput(reason=f"--until {until!r} has passed already")
    return end
