"""A cancellation that gRPC loses on its way is heeded all the same."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def heeded() -> Iterator[None]:
    """Raise CancelledError if the task was cancelled within, whatever came of what it did there.

    A call of grpc.aio that fails in the moment in which its task is cancelled tells of the failure
    alone: it catches the CancelledError to cancel what has ended already. Who takes that for an
    answer goes on, and the TaskGroup or the timeout that cancelled it waits for ever.
    """
    task = asyncio.current_task()
    assert task is not None, "gRPC is called from a task"
    before = task.cancelling()
    try:
        yield
    finally:
        if task.cancelling() > before:
            raise asyncio.CancelledError
