"""One watch stream for several prefixes, which either delivers everything in order or breaks."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
from etcd3.etcdrpc import rpc_pb2 as rpc

from crony_ops.errors import Compacted, StoreError
from crony_ops.store import cancellation, wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from crony_ops.store.endpoints import Stay
    from crony_ops.store.entry import Entry
    from crony_ops.store.login import Metadata

_MANUAL_PROGRESS = -1
"""The watch id of an answer to a progress request (it speaks for the whole stream)."""


class WatchBroken(StoreError):
    """The stream is over; nothing delivered so far is in doubt."""

    def __init__(
        self, reason: str, *, token_is_suspect: bool = False, endpoint_is_suspect: bool = False
    ) -> None:
        super().__init__(reason=reason)
        self.token_is_suspect = token_is_suspect
        self.endpoint_is_suspect = endpoint_is_suspect


@dataclass(frozen=True, slots=True)
class Event:
    """``entry`` is None for a deletion, which ``revision`` is then the revision of."""

    key: str
    entry: Entry | None
    revision: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message of the stream.

    ``complete_to`` is the revision up to which everything of ``prefix`` has been delivered, 0 if
    this message does not tell. ``alive_at`` is a time (of the loop's clock, which is
    time.monotonic) at which the server was certainly alive.
    """

    prefix: str
    events: tuple[Event, ...]
    complete_to: int
    alive_at: float


async def follow(
    stay: Stay,
    metadata: Metadata,
    starts: Mapping[str, int],
    deliver: Callable[[Delivery], None],
    *,
    cluster_id: int,
    silence: float,
) -> None:
    """Deliver all that happens under each prefix from its start revision on; never returns.

    Asks for a sign of life every third of ``silence`` seconds. Raises WatchBroken when none came
    for ``silence`` seconds, when the client has left the endpoint, when the stream ends, and when
    the server is of another cluster or behind the start revisions; Compacted when etcd has not
    kept the history that far back.
    """
    loop = asyncio.get_running_loop()
    requests: asyncio.Queue[Any] = asyncio.Queue()
    for prefix, revision in starts.items():
        requests.put_nowait(_create(prefix, revision))
    stream = _Stream(deliver, deque(starts.items()), cluster_id, loop.time())
    timer: asyncio.TimerHandle

    def ask() -> None:
        nonlocal timer
        stream.asked_at = loop.time()
        requests.put_nowait(rpc.WatchRequest(progress_request=rpc.WatchProgressRequest()))
        timer = loop.call_later(silence / 3, ask)

    call = stay.connection.watch.Watch(_drain(requests), metadata=metadata)
    timer = loop.call_later(silence / 3, ask)
    try:
        async with asyncio.timeout(silence) as bound:
            following = True

            def leave(_: object) -> None:
                # It may have been on its way already when it was taken back.
                if following and not bound.expired():
                    bound.reschedule(loop.time())

            stay.left.add_done_callback(leave)
            try:
                with cancellation.heeded():
                    async for response in call:
                        stream.take(response, loop.time())
                        if not stay.left.done():
                            bound.reschedule(loop.time() + silence)
            finally:
                following = False
                stay.left.remove_done_callback(leave)
    except TimeoutError:
        if stay.left.done():
            raise WatchBroken("the client has moved to another endpoint") from None
        raise WatchBroken(
            f"{stay.connection.endpoint} was silent for {silence:g} s",
            token_is_suspect=not stream.opened,
            endpoint_is_suspect=True,
        ) from None
    except grpc.aio.AioRpcError as error:
        down = error.code() is grpc.StatusCode.UNAVAILABLE
        raise WatchBroken(
            error.details() or error.code().name,
            token_is_suspect=not down,
            endpoint_is_suspect=down,
        ) from error
    finally:
        timer.cancel()
        call.cancel()
        requests.put_nowait(None)
    # That is how a server ends a stream whose token it does not know.
    raise WatchBroken("the server ended the watch", token_is_suspect=True)


class _Stream:
    """What is known of an open stream: which watch id stands for which prefix."""

    def __init__(
        self,
        deliver: Callable[[Delivery], None],
        unopened: deque[tuple[str, int]],
        cluster_id: int,
        now: float,
    ) -> None:
        self._deliver = deliver
        self._unopened = unopened
        self._cluster_id = cluster_id
        self._prefixes: dict[int, str] = {}
        self.asked_at = now

    @property
    def opened(self) -> bool:
        return not self._unopened

    def take(self, response: Any, now: float) -> None:
        if response.canceled:
            if response.compact_revision:
                raise Compacted(revision="to go on from", oldest=response.compact_revision)
            reason = response.cancel_reason or "the server refused the watch"
            raise WatchBroken(reason, token_is_suspect=True)
        if response.created:
            # etcd answers create requests in their order; the ids are its own.
            prefix, start = self._unopened.popleft()
            self._prefixes[response.watch_id] = prefix
            # etcd takes a start in its future without a word, and then leaves out all before it.
            if (
                response.header.cluster_id != self._cluster_id
                or response.header.revision < start - 1
            ):
                raise WatchBroken("the server does not know all that was seen of the cluster")
            return
        if response.watch_id == _MANUAL_PROGRESS:
            # Its revision is no place to resume from: before 3.4.25 and 3.5.8 the answer
            # overtakes events that are still on their way. It only proves that the stream lives.
            self._deliver(Delivery("", (), 0, self.asked_at))
            return
        prefix = self._prefixes[response.watch_id]
        events = tuple(map(_event, response.events))
        # A message with events may carry a header far ahead of them; an empty one is a promise.
        complete_to = events[-1].revision if events else response.header.revision
        self._deliver(Delivery(prefix, events, complete_to, now))


def _create(prefix: str, revision: int) -> Any:
    key = wire.encode_key(prefix)
    return rpc.WatchRequest(
        create_request=rpc.WatchCreateRequest(
            key=key,
            range_end=wire.prefix_end(key),
            start_revision=revision,
            progress_notify=True,
        )
    )


def _event(event: Any) -> Event:
    kv = event.kv
    if event.type == 1:  # DELETE
        return Event(wire.decode_key(kv.key), None, kv.mod_revision)
    entry = wire.entry_of(kv)
    return Event(entry.key, entry, entry.mod_revision)


async def _drain(requests: asyncio.Queue[Any]) -> AsyncIterator[Any]:
    """Until None: gRPC leaves the task that waits here pending for ever when the call is over."""
    while (request := await requests.get()) is not None:
        yield request
