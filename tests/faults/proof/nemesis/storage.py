"""Faults of etcd's own storage: forgotten history, a stop for defragmentation, no space.

Etcd 3.4 does not write down in one transaction that an alarm is over and up to which entry of its
log it is. A member that dies between the two begins, when it is back, with what the alarm had
refused, and has other contents than its fellows from then on. That is no fault of ours to show, and
a cluster of which this is so proves nothing: while there is no space no member is killed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import grpc.aio
from etcd3.etcdrpc import rpc_pb2 as rpc

from crony_ops.errors import StoreError
from crony_ops.local.waiting import wait_until
from crony_ops.store import Txn
from crony_ops.store.endpoints import Connection
from crony_ops.store.txn import delete_prefix
from tests.faults.proof.company import ETCDS
from tests.faults.proof.history import Kind

if TYPE_CHECKING:
    from tests.faults.proof.cluster import ProofCluster
    from tests.faults.proof.nemesis.diary import Diary
    from tests.faults.proof.nemesis.plan import Step
    from tests.faults.proof.recorder import Recorder

STORAGE_FAULTS = frozenset({Kind.compact, Kind.defragment, Kind.space})
BALLAST = "/ballast/"
_PIECE = bytes(1 << 20)
_MOST_PIECES = 400
_LAST = f"{BALLAST}last"
_WRITTEN_WITHIN = 0.5
"""Seconds: etcd writes what it has done to its file each tenth of one."""
_MENDED_WITHIN = 600.0
"""Seconds. It needs a moment in which all members answer, and meanwhile others are at work."""


class Storage:
    """Nothing is compacted that the recorder does not have."""

    def __init__(self, cluster: ProofCluster, recorder: Recorder, diary: Diary) -> None:
        self._cluster = cluster
        self._recorder = recorder
        self._diary = diary
        self._short = 0

    @property
    def short_of_space(self) -> bool:
        return self._short > 0

    async def perform(self, step: Step) -> None:
        with contextlib.suppress(StoreError), self._diary.noted(step.kind, step.target) as detail:
            match step.kind:
                case Kind.compact:
                    revision = self._recorder.revision
                    detail["revision"] = str(revision)
                    await self._cluster.store.compact(revision)
                case Kind.defragment:
                    await self._defragment(step.target)
                case Kind.space:
                    with self._counted():
                        detail["reached"] = "yes" if await self._fill() else "no"
                        await asyncio.sleep(step.lasts)
                        await self.make_space()
                        await asyncio.sleep(_WRITTEN_WITHIN)

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        self._short += 1
        try:
            yield
        finally:
            self._short -= 1

    async def make_space(self) -> None:
        """Take the ballast away, and let all members write again. Raises LocalClusterFailed."""
        await wait_until(self._free, "etcd has space again", _MENDED_WITHIN)

    async def _fill(self) -> bool:
        """Whether etcd has come to refuse for want of space."""
        try:
            for number in range(_MOST_PIECES):
                await self._cluster.store.put(f"{BALLAST}{number}", _PIECE)
        except StoreError as error:
            return "space" in str(error)
        return False

    async def _free(self) -> bool:
        store = self._cluster.store
        freed = (await store.txn(Txn((), (delete_prefix(BALLAST),)))).revision
        deleted = await store.count(BALLAST) == 0
        if self._recorder.revision < freed:
            return False
        await store.compact(self._recorder.revision)
        for member in ETCDS:
            await self._defragment(member)
            await self._disarm(member)
        if not deleted or any(m.alarms or m.error for m in await store.members()):
            return False
        last = await store.put(_LAST, b"")
        return all([await self._revision_of(member) >= last for member in ETCDS])

    async def _revision_of(self, member: str) -> int:
        """That the member itself has come to; 0 if it does not say."""
        connection = Connection(self._cluster.endpoint(member), None)
        try:
            status = await connection.maintenance.Status(rpc.StatusRequest(), timeout=5)
        except grpc.aio.AioRpcError:
            return 0
        finally:
            await connection.channel.close()
        return int(status.header.revision)

    async def _defragment(self, member: str) -> None:
        connection = Connection(self._cluster.endpoint(member), None)
        with contextlib.suppress(grpc.aio.AioRpcError):
            await connection.maintenance.Defragment(rpc.DefragmentRequest(), timeout=20)
        await connection.channel.close()

    async def _disarm(self, member: str) -> None:
        connection = Connection(self._cluster.endpoint(member), None)
        with contextlib.suppress(grpc.aio.AioRpcError):
            asked = rpc.AlarmRequest(action=rpc.AlarmRequest.GET)
            for alarm in (await connection.maintenance.Alarm(asked, timeout=5)).alarms:
                disarm = rpc.AlarmRequest(
                    action=rpc.AlarmRequest.DEACTIVATE, memberID=alarm.memberID, alarm=alarm.alarm
                )
                await connection.maintenance.Alarm(disarm, timeout=5)
        await connection.channel.close()
