"""Waiting until the cluster has done what it was told to."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from crony_ops.cli.terminal.output import progress
from crony_ops.errors import InvalidInput
from crony_ops.model.duration import parse_duration

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

_POLL = 1.0


def read_duration(option: str, written: str | None) -> int | None:
    """Seconds; None for an option that isn't given. Raises InvalidInput, which names it."""
    try:
        return None if written is None else parse_duration(written)
    except ValueError as error:
        raise InvalidInput(reason=f"{option}: {error}") from None


async def wait_while(
    left: Callable[[], Awaitable[Collection[str] | None]], words: str, patience: float | None
) -> Collection[str]:
    """Ask again and again what is left to do, until it is None; a bar tells how far it is.

    Gives what is left when ``patience`` (in seconds; None is without end) is over.
    """
    deadline = None if patience is None else time.monotonic() + patience
    with progress(words) as advance:
        most = 0
        while (jobs := await left()) is not None:
            most = max(most, len(jobs))
            advance(most - len(jobs), most)
            if deadline is not None and time.monotonic() > deadline:
                return jobs
            await asyncio.sleep(_POLL)
    return ()
