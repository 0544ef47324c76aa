"""Waiting for a condition on what other processes do, with a deadline."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable

from crony_ops.errors import LocalClusterFailed, StoreError

_POLL = 0.05


async def wait_until(
    condition: Callable[[], bool | Awaitable[bool]], what: str, timeout: float = 20.0
) -> None:
    """Ask again and again until ``condition`` holds; a store that is away means "not yet".

    Raises LocalClusterFailed, which says ``what`` did not come about, after ``timeout`` seconds.
    """
    deadline = time.monotonic() + timeout
    failure = ""
    while True:
        try:
            answer = condition()
            if await answer if inspect.isawaitable(answer) else answer:
                return
        except StoreError as error:
            failure = f" ({error})"
        if time.monotonic() > deadline:
            raise LocalClusterFailed(reason=f"not within {timeout:.0f} s: {what}{failure}")
        await asyncio.sleep(_POLL)
