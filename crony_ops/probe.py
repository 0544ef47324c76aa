"""Questions that may hang for ever: to a disk that does not answer, say. Each is asked in a thread
of its own, which no other work waits for and which keeps nobody from ending."""

from __future__ import annotations

import asyncio
import errno
import logging
import threading
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")

_asked: dict[tuple[asyncio.AbstractEventLoop, Hashable], asyncio.Future[Any]] = {}


async def ask_apart(question: Hashable, work: Callable[[], T]) -> T:
    """What ``work`` returns or raises; OSError if there is no thread for it. Who asks the same
    meanwhile gets the same answer: a question that hangs costs one thread, however often it is
    asked."""
    key = asyncio.get_running_loop(), question
    answer: asyncio.Future[T] | None = _asked.get(key)
    if answer is None:
        answer = _asked[key] = _begin(work)
        answer.add_done_callback(lambda _: _asked.pop(key, None))
    return await asyncio.shield(answer)


class Probe(Generic[T]):
    """One question that is asked again and again, by one asker. While one call hangs no other is
    made; its answer is taken when it comes."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._answer: asyncio.Future[T] | None = None

    async def ask(self, work: Callable[[], T]) -> T | None:
        """None when there was no answer in time. Raises what ``work`` raised, and OSError."""
        if self._answer is None:
            self._answer = _begin(work)
        try:
            async with asyncio.timeout(self._patience):
                answer = await asyncio.shield(self._answer)
        except TimeoutError:
            return None
        finally:
            if self._answer.done():
                self._answer = None
        return answer


def _begin(work: Callable[[], T]) -> asyncio.Future[T]:
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

    try:
        threading.Thread(target=run, name="probe", daemon=True).start()
    except RuntimeError as error:  # the limit of tasks
        raise OSError(errno.EAGAIN, str(error)) from None
    return answer
