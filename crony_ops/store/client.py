"""The client of etcd: reads, writes, transactions and leases, over all endpoints."""

from __future__ import annotations

import asyncio
import enum
import itertools
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar

import grpc
import grpc.aio
from etcd3.etcdrpc import rpc_pb2 as rpc

from crony_ops.errors import Compacted, OutcomeUnknown, StoreRefused, StoreUnavailable
from crony_ops.store import cancellation, members, watch, wire
from crony_ops.store.endpoints import Connection, Endpoints, NotConnected, Stay
from crony_ops.store.entry import Entry, Snapshot
from crony_ops.store.keys import Keys
from crony_ops.store.login import Login, Metadata
from crony_ops.store.verdict import Verdict, in_words, refusal, verdict

if TYPE_CHECKING:
    from types import TracebackType

    from crony_ops.store.member_status import MemberStatus
    from crony_ops.store.settings import EtcdSettings
    from crony_ops.store.txn import Txn, TxnResult

T = TypeVar("T")
Attempt = Callable[[Connection, Metadata, float], Awaitable[T]]
"""One try: the connection, what to send along, and the seconds it may take."""

PAGE = 5000
"""Keys in one answer of a listing: some 40 MB if each holds as much as a run may."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 0.5


class Repeat(enum.Enum):
    """What may be done with a request that was sent and not answered."""

    READ = enum.auto()
    HARMLESS = enum.auto()
    """A write that may happen twice."""
    NEVER = enum.auto()


class Etcd:
    """A connection to the cluster, used as ``async with Etcd(settings) as etcd``.

    Every request has a deadline, ``settings.request_timeout`` unless told otherwise, and goes on
    to the next endpoint when one fails. Raises StoreUnavailable when nothing was written,
    OutcomeUnknown when a write was sent and not answered, StoreRefused when the answer is no.
    """

    def __init__(self, settings: EtcdSettings) -> None:
        self.settings = settings
        self._login = Login(settings)

    async def __aenter__(self) -> Self:
        try:
            self._endpoints = Endpoints(self.settings)
        except OSError as error:
            raise StoreRefused(reason=f"no TLS without its files: {error}") from error
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._endpoints.close()

    async def get(self, key: str) -> Entry | None:
        answer = await self._read(rpc.RangeRequest(key=wire.encode_key(key)))
        return wire.entry_of(answer.kvs[0]) if answer.kvs else None

    async def range(self, prefix: str, *, keys_only: bool = False, revision: int = 0) -> Snapshot:
        """Every key under ``prefix`` at one revision: ``revision``, or the newest if it is 0.

        Raises Compacted when that revision is, or becomes while pages are read, compacted away.
        """
        start = wire.encode_key(prefix)
        end = wire.prefix_end(start)
        entries: list[Entry] = []
        while True:
            request = rpc.RangeRequest(
                key=start, range_end=end, limit=PAGE, keys_only=keys_only, revision=revision
            )
            answer = await self._read(request)
            revision = revision or answer.header.revision
            entries.extend(map(wire.entry_of, answer.kvs))
            if not answer.more:
                return Snapshot(revision, entries, answer.header.cluster_id)
            start = answer.kvs[-1].key + b"\0"

    async def count(self, prefix: str) -> int:
        """How many keys start with ``prefix``."""
        key = wire.encode_key(prefix)
        request = rpc.RangeRequest(key=key, range_end=wire.prefix_end(key), count_only=True)
        return int((await self._read(request)).count)

    async def head(self) -> tuple[int, int]:
        """The cluster's id and its newest revision, as its quorum knows them."""
        meta = Keys(self.settings.prefix).meta  # a key that every client may read
        request = rpc.RangeRequest(key=wire.encode_key(meta), count_only=True)
        header = (await self._read(request)).header
        return header.cluster_id, header.revision

    async def put(self, key: str, value: bytes, *, lease: int = 0) -> int:
        """Write, again if no answer comes: only for a value that is right twice. The revision."""
        request = rpc.PutRequest(key=wire.encode_key(key), value=value, lease=lease)
        answer = await self.call(
            lambda to, metadata, timeout: to.kv.Put(request, metadata=metadata, timeout=timeout),
            Repeat.HARMLESS,
        )
        return int(answer.header.revision)

    async def delete(self, key: str) -> bool:
        """True if the key was there. Sent once, so as not to delete what comes after it."""
        request = rpc.DeleteRangeRequest(key=wire.encode_key(key))
        answer = await self.call(
            lambda to, metadata, timeout: to.kv.DeleteRange(
                request, metadata=metadata, timeout=timeout
            ),
            Repeat.NEVER,
        )
        return bool(answer.deleted)

    async def txn(self, txn: Txn, *, timeout: float | None = None) -> TxnResult:
        """Send a transaction once. After OutcomeUnknown read back what became of it."""
        request = wire.txn_request(txn)
        answer = await self.call(
            lambda to, metadata, timeout: to.kv.Txn(request, metadata=metadata, timeout=timeout),
            Repeat.NEVER,
            timeout=timeout,
        )
        return wire.txn_result(txn, answer, answer.header.revision)

    async def grant(self, ttl: int, lease: int = 0) -> int:
        """A new lease of ``ttl`` seconds, under an id of etcd's choice unless one is given."""
        request = rpc.LeaseGrantRequest(TTL=ttl, ID=lease)
        answer = await self.call(
            lambda to, metadata, timeout: to.lease.LeaseGrant(
                request, metadata=metadata, timeout=timeout
            ),
            # A lease of nobody's expires by itself; the same id twice would be refused.
            Repeat.HARMLESS if lease == 0 else Repeat.NEVER,
        )
        return int(answer.ID)

    async def keep_alive_once(
        self,
        lease: int,
        *,
        timeout: float | None = None,
        on_send: Callable[[], None] | None = None,
    ) -> int:
        """Renew a lease; the seconds it has now, 0 if etcd has no such lease.

        ``on_send`` is called right before each try.
        """

        async def renew(to: Connection, metadata: Metadata, timeout: float) -> int:
            async def requests() -> AsyncIterator[Any]:
                yield rpc.LeaseKeepAliveRequest(ID=lease)

            if on_send:
                on_send()
            # A stream of its own each time: one that met a server's restart is dead for good.
            call = to.lease.LeaseKeepAlive(requests(), metadata=metadata, timeout=timeout)
            try:
                async for answer in call:
                    return int(answer.TTL)
            finally:
                call.cancel()
            raise NotConnected(endpoint=to.endpoint, reason="closed a keepalive without an answer")

        return await self.call(renew, Repeat.READ, timeout=timeout)

    async def revoke(self, lease: int) -> None:
        """End a lease and delete its keys; it is fine if it has ended already."""
        request = rpc.LeaseRevokeRequest(ID=lease)
        try:
            await self.call(
                lambda to, metadata, timeout: to.lease.LeaseRevoke(
                    request, metadata=metadata, timeout=timeout
                ),
                Repeat.HARMLESS,
            )
        except StoreRefused as refusal:
            if refusal.details.get("code") != grpc.StatusCode.NOT_FOUND.name:
                raise

    async def compact(self, revision: int) -> None:
        """Forget the history before ``revision``; it is fine if it is forgotten already."""
        request = rpc.CompactionRequest(revision=revision)
        try:
            await self.call(
                lambda to, metadata, timeout: to.kv.Compact(
                    request, metadata=metadata, timeout=timeout
                ),
                Repeat.HARMLESS,
            )
        except Compacted:
            return

    async def members(self) -> list[MemberStatus]:
        """How each member does; takes at most ``request_timeout`` seconds, whoever is silent."""
        with cancellation.heeded():
            return await members.survey(self._endpoints, self._login, self.settings)

    async def watch(
        self,
        starts: Mapping[str, int],
        deliver: Callable[[watch.Delivery], None],
        *,
        cluster_id: int,
        silence: float,
    ) -> None:
        """Watch each prefix from its revision, in one stream, until it breaks: see watch.follow."""

        async def settled(
            _to: Connection, metadata: Metadata, _timeout: float
        ) -> tuple[Stay, Metadata]:
            return self._endpoints.current, metadata

        stay, metadata = await self.call(settled, Repeat.READ)
        try:
            await watch.follow(
                stay, metadata, starts, deliver, cluster_id=cluster_id, silence=silence
            )
        except watch.WatchBroken as broken:
            if broken.token_is_suspect:
                self._login.forget(metadata)
            if broken.endpoint_is_suspect:
                self._endpoints.failed(stay, str(broken))
            raise

    async def _read(self, request: Any) -> Any:
        return await self.call(
            lambda to, metadata, timeout: to.kv.Range(request, metadata=metadata, timeout=timeout),
            Repeat.READ,
        )

    async def call(self, attempt: Attempt[T], repeat: Repeat, *, timeout: float | None = None) -> T:
        """Try until it is answered, must not be tried again, or ``timeout`` seconds are over."""
        deadline = time.monotonic() + (timeout or self.settings.request_timeout)
        pause, logins, in_doubt = _FIRST_PAUSE, 0, False
        for tries in itertools.count(1):
            left = max(deadline - time.monotonic(), 0.001)
            stay = self._endpoints.current
            metadata: Metadata = ()
            try:
                with cancellation.heeded():
                    await stay.connection.settled(left / 2)
                    metadata = await self._login.metadata(stay.connection, left / 2)
                    # Half of the time for a try leaves some for the next endpoint. What can't be
                    # sent again gets all of it.
                    left = max(deadline - time.monotonic(), 0.001)
                    share = left if repeat is Repeat.NEVER else left / 2
                    return await attempt(stay.connection, metadata, share)
            except NotConnected as error:
                judged, reason, code = Verdict.NEVER_SENT, str(error), ""
            except grpc.aio.AioRpcError as error:
                reason, code = error.details() or "", error.code().name
                # A login that got no answer leaves the request itself unsent.
                judged = verdict(error.code(), reason)
                if not metadata and judged is Verdict.UNKNOWN:
                    judged = Verdict.NEVER_SENT
            if judged is Verdict.REFUSED:
                raise refusal(reason, code)
            if judged is Verdict.OUTDATED:
                self._login.forget(metadata)
            if judged is Verdict.UNAUTHENTICATED:
                logins += 1
                if logins > 2 or not self._login.forget(metadata):
                    raise StoreRefused(reason=reason, code=code)
                continue
            if judged is Verdict.UNKNOWN:
                in_doubt = True
            if judged not in (Verdict.BUSY, Verdict.OUTDATED):
                self._endpoints.failed(stay, reason)
            if in_doubt and repeat is Repeat.NEVER:
                raise OutcomeUnknown(reason=reason)
            if time.monotonic() + pause >= deadline:
                break
            if tries % len(self._endpoints) == 0:
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))
                pause = min(2 * pause, _LONGEST_PAUSE)
        if in_doubt and repeat is Repeat.HARMLESS:
            raise OutcomeUnknown(reason=reason)
        raise StoreUnavailable(
            endpoints=", ".join(self.settings.endpoints), reason=in_words(reason)
        )
