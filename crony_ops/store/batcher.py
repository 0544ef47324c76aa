"""Many small transactions in few requests, each with an outcome of its own."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, cast

from crony_ops.errors import (
    GuardFailed,
    OutcomeUnknown,
    StoreError,
    StoreRefused,
    StoreUnavailable,
)
from crony_ops.store.order import Order, Turn, footprint
from crony_ops.store.txn import Compare, Op, Txn, TxnResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crony_ops.store.client import Etcd

MAX_OPS = 128
"""etcd's --max-txn-ops, as it comes."""
MAX_BYTES = 1_000_000
"""Of keys and values in one request: well below the 1.5 MiB that etcd takes as it comes."""

_OVERHEAD = 64
"""Bytes allowed for the framing of one operation or condition."""


class _Member:
    __slots__ = ("answer", "bulk", "depth", "txn")

    def __init__(self, txn: Txn, answer: asyncio.Future[TxnResult]) -> None:
        self.txn = txn
        self.answer = answer
        self.depth = ops(txn)
        self.bulk = size(txn)


class Batcher:
    """Collects what is submitted in the same moment, and sends it together.

    ``guard`` is compared once for each request: when it fails, nothing of it is done. Two that
    conflict (one writes what the other reads or writes) never share a request, and keep their
    order; the rest may be done in any. Up to ``in_flight`` requests are under way at a time.
    """

    def __init__(self, etcd: Etcd, *, guard: tuple[Compare, ...] = (), in_flight: int = 8) -> None:
        self._etcd = etcd
        self._guard = guard
        self._order: Order[_Member] = Order()
        self._ready: deque[Turn[_Member]] = deque()
        self._unfinished: dict[_Member, None] = {}
        self._wake = asyncio.Event()
        self._free = asyncio.Semaphore(in_flight)
        self._closed = False

    async def submit(self, txn: Txn) -> TxnResult:
        """Have a transaction made, and wait for its own outcome.

        Raises StoreUnavailable if it was not sent, OutcomeUnknown if it was and no answer came,
        StoreRefused if etcd would not have it, GuardFailed if the guard does not hold. To cancel
        a submission takes it back only if it was not sent yet.
        """
        return await self.enter(txn)

    def enter(self, txn: Txn) -> asyncio.Future[TxnResult]:
        """As ``submit``, for whoever has thousands: the outcome to come, without a task to wait
        for it."""
        member = _Member(txn, asyncio.get_running_loop().create_future())
        if self._closed:
            _fail(member, _closed())
            return member.answer
        self._unfinished[member] = None
        turn = self._order.enter(member, footprint(txn))
        if not turn.blockers:
            self._ready.append(turn)
            self._wake.set()
        return member.answer

    async def run(self) -> None:
        """Send what is submitted, until cancelled; whoever still waits then is told so."""
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    await self._wake.wait()
                    await self._free.acquire()
                    # Whoever was woken together with the first may submit before we look.
                    await asyncio.sleep(0)
                    turns = self._pack()
                    if not self._ready:
                        self._wake.clear()
                    if turns:
                        group.create_task(self._send_and_release(turns))
                    else:
                        self._free.release()
        finally:
            self._closed = True
            for member in self._unfinished:
                _fail(member, _closed())

    def _pack(self) -> list[Turn[_Member]]:
        """As many of those ready as fit in one request."""
        turns: list[Turn[_Member]] = []
        deepest = bulk = 0
        while self._ready:
            turn = self._ready[0]
            member = turn.member
            if member.answer.cancelled():
                self._ready.popleft()
                self._done(turn)
                continue
            deepest = max(deepest, member.depth)
            bulk += member.bulk
            # Each nested transaction is measured against what the outer one leaves of the limit.
            outer = max(len(turns) + 1, len(self._guard))
            if turns and (outer + deepest > MAX_OPS or bulk > MAX_BYTES):
                break
            turns.append(self._ready.popleft())
        return turns

    async def _send_and_release(self, turns: list[Turn[_Member]]) -> None:
        try:
            await self._send([turn.member for turn in turns])
        finally:
            self._free.release()
            for turn in turns:
                self._done(turn)

    async def _send(self, members: Sequence[_Member]) -> None:
        try:
            results = await self._request([member.txn for member in members])
        except StoreRefused as refusal:
            if len(members) == 1:
                _fail(members[0], refusal)
                return
            half = len(members) // 2
            await self._send(members[:half])
            await self._send(members[half:])
        except StoreError as error:
            for member in members:
                _fail(member, type(error)(**error.details))
        except asyncio.CancelledError:
            for member in members:
                _fail(member, OutcomeUnknown(reason="the sender was stopped"))
            raise
        else:
            for member, result in zip(members, results, strict=True):
                if not member.answer.done():
                    member.answer.set_result(result)

    async def _request(self, txns: Sequence[Txn]) -> Sequence[TxnResult]:
        if len(txns) == 1 and not self._guard:
            return [await self._etcd.txn(txns[0])]
        result = await self._etcd.txn(Txn(self._guard, tuple(txns)))
        if not result.succeeded:
            raise GuardFailed(guard=", ".join(compare.key for compare in self._guard))
        return cast("tuple[TxnResult, ...]", result.responses)

    def _done(self, turn: Turn[_Member]) -> None:
        del self._unfinished[turn.member]
        freed = self._order.leave(turn)
        if freed:
            self._ready.extend(freed)
            self._wake.set()


def ops(txn: Txn) -> int:
    """What etcd counts of a transaction against --max-txn-ops.

    Of each level the longest of conditions, then and otherwise; the levels add up along the
    deepest path, while siblings don't.
    """
    level = max(len(txn.when), len(txn.then), len(txn.otherwise))
    nested = [ops(part) for part in (*txn.then, *txn.otherwise) if isinstance(part, Txn)]
    return level + max(nested, default=0)


def size(txn: Txn) -> int:
    """About how many bytes a transaction takes in a request, rather too many than too few."""
    total = 0
    for compare in txn.when:
        operand = len(compare.operand) if isinstance(compare.operand, bytes) else 0
        total += _OVERHEAD + 4 * len(compare.key) + operand
    for part in (*txn.then, *txn.otherwise):
        total += _size_of_op(part) if isinstance(part, Op) else _OVERHEAD + size(part)
    return total


def _size_of_op(op: Op) -> int:
    return _OVERHEAD + 4 * len(op.key) + len(op.value)


def _fail(member: _Member, error: Exception) -> None:
    if not member.answer.done():
        member.answer.set_exception(error)


def _closed() -> StoreUnavailable:
    return StoreUnavailable(endpoints="all endpoints", reason="nobody sends any more")
