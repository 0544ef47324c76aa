"""The wall clock, which people and machines put forward and back while somebody sleeps by it."""

from __future__ import annotations

import asyncio
import time

from crony_ops.store import boottime

LONGEST_SLEEP = 30.0
"""Seconds: after a step of the clock it takes no longer until whoever sleeps by it notices."""


def clock_offset() -> float:
    """Wall time less time since boot, in seconds: it changes when the wall clock is stepped."""
    return time.time() - boottime()


async def sleep_until(moment: float) -> None:
    """Until a wall time in unix seconds, by the clock as it stands then, not as it stood before."""
    while (left := moment - time.time()) > 0:  # noqa: ASYNC110 - a clock sends no event
        await asyncio.sleep(min(left, LONGEST_SLEEP))
