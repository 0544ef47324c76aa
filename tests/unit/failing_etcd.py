"""etcd as one watcher meets it: the keys of an `EtcdModel`, over a connection that may fail any
request, and a watch that may lag."""

from __future__ import annotations

import asyncio
import enum
import time
from typing import TYPE_CHECKING

from crony_ops.errors import OutcomeUnknown, StoreRefused, StoreUnavailable
from crony_ops.store import Entry, Snapshot, Txn
from crony_ops.store.txn import written_keys
from crony_ops.store.watch import Delivery, Event

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from crony_ops.store import TxnResult
    from tests.unit.etcd_model import EtcdModel


class Fate(enum.Enum):
    """What becomes of one request."""

    DONE = enum.auto()
    UNSENT = enum.auto()
    UNANSWERED = enum.auto()
    """It is done, and no answer comes."""
    LATE = enum.auto()
    """No answer comes, and it is done later: whenever `FailingEtcd.late_ones_arrive`."""


class FailingEtcd:
    """The part of ``Etcd`` that a mirror and a leader use. ``arriving`` is awaited before each
    request of the leader, and says what becomes of it; ``done`` hears of each transaction that
    succeeded, with the keys as they were before it."""

    def __init__(
        self,
        model: EtcdModel,
        *,
        arriving: Callable[[], Awaitable[Fate]],
        done: Callable[[Txn, TxnResult, Mapping[str, Entry]], None],
        at_once: int,
    ) -> None:
        self._model = model
        self._arriving = arriving
        self._done = done
        self._at_once = at_once
        self._late: list[Txn] = []
        self._heard: dict[str, Mapping[str, Entry]] = {}
        self._deliver: Callable[[Delivery], None] | None = None

    async def txn(self, txn: Txn) -> TxnResult:
        if len(txn.then) > self._at_once:
            raise StoreRefused(reason="too many operations in txn request")
        fate = await self._arriving()
        if fate is Fate.UNSENT:
            raise StoreUnavailable(endpoints="all", reason="cut")
        if fate is Fate.LATE:
            self._late.append(txn)
            raise OutcomeUnknown(reason="cut")
        result = self._apply(txn)
        if fate is Fate.UNANSWERED:
            raise OutcomeUnknown(reason="cut")
        if result.succeeded:
            inner = [part for part in txn.then if isinstance(part, Txn)]
            written = [key for part in (txn, *inner) for key in written_keys(part)]
            self.hear(p for p in self._heard if any(key.startswith(p) for key in written))
        return result

    async def get(self, key: str) -> Entry | None:
        await self._read()
        return self._model.get(key)

    async def range(self, prefix: str, **_how: object) -> Snapshot:
        await self._read()
        return Snapshot(self._model.revision, list(self._model.prefix(prefix).values()), 1)

    async def grant(self, _ttl: int) -> int:
        await self._read()
        self._model.revision += 1  # any number that was no lease before
        return self._model.revision

    async def revoke(self, lease: int) -> None:
        await self._read()
        self._model.expire(lease)

    async def watch(
        self,
        starts: Mapping[str, int],
        deliver: Callable[[Delivery], None],
        **_how: object,
    ) -> None:
        """Until it is cancelled. Nothing has happened since the listing before it."""
        self._heard = {prefix: self._model.prefix(prefix) for prefix in starts}
        self._deliver = deliver
        try:
            await asyncio.Event().wait()
        finally:
            self._heard = {}

    def hear_all(self) -> None:
        self.hear(self._heard)

    def hear(self, prefixes: Iterable[str]) -> None:
        """What the watch of these has held back comes, if it goes on."""
        for prefix in list(prefixes):
            before, now = self._heard[prefix], self._model.prefix(prefix)
            self._heard[prefix] = now
            at = self._model.revision
            gone = [Event(key, None, at) for key in before if key not in now]
            new = [Event(k, e, e.mod_revision) for k, e in now.items() if before.get(k) != e]
            assert self._deliver is not None
            self._deliver(Delivery(prefix, (*gone, *new), at, time.monotonic()))

    def late_ones_arrive(self) -> None:
        late, self._late = self._late, []
        for txn in late:
            self._apply(txn)

    async def _read(self) -> None:
        if await self._arriving() is not Fate.DONE:
            raise StoreUnavailable(endpoints="all", reason="cut")

    def _apply(self, txn: Txn) -> TxnResult:
        before = dict(self._model.entries)
        result = self._model.apply(txn)
        if result.succeeded:
            self._done(txn, result, before)
        return result
