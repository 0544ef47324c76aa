"""Questions that may hang for ever: to a disk that does not answer, say."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")


class Probe(Generic[T]):
    """Asks a function that may hang for ever, in a thread that keeps nobody from ending.

    While one call hangs no other is made, so that a dead mount costs one thread and no more: who
    asks meanwhile waits for that one.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._answer: asyncio.Future[T] | None = None

    async def ask(self, work: Callable[[], T]) -> T | None:
        """None when there was no answer in time. Raises what ``work`` raised."""
        if self._answer is None:
            self._answer = self._begin(work)
        answer = self._answer
        try:
            async with asyncio.timeout(self._patience):
                return await asyncio.shield(answer)
        except TimeoutError:
            return None
        finally:
            if answer.done() and self._answer is answer:
                self._answer = None

    def _begin(self, work: Callable[[], T]) -> asyncio.Future[T]:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        # Looked at, so that one that nobody waits for any more is not taken for an oversight.
        answer.add_done_callback(lambda it: it.cancelled() or it.exception())

        def tell(take: Callable[[], None]) -> None:
            try:
                loop.call_soon_threadsafe(take)
            except RuntimeError:
                log.debug("nobody waits any more for what was asked")

        def run() -> None:
            try:
                found = work()
            except Exception as error:  # noqa: BLE001 - raised where it was asked for
                failure = error
                tell(lambda: answer.set_exception(failure))
            else:
                tell(lambda: answer.set_result(found))

        threading.Thread(target=run, name="probe", daemon=True).start()
        return answer
