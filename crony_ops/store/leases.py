"""The leases that etcd has, and what hangs on each."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from etcd3.etcdrpc import rpc_pb2 as rpc
from google.protobuf.unknown_fields import UnknownFieldSet

from crony_ops.store.client import Repeat
from crony_ops.store.wire import decode_key

if TYPE_CHECKING:
    from crony_ops.store.client import Etcd
    from crony_ops.store.endpoints import Connection
    from crony_ops.store.login import Metadata

_AT_ONCE = 32
# LeaseLeasesResponse.leases: a call younger than the message definitions at hand.
_LEASES_FIELD = 2


@dataclass(frozen=True, slots=True)
class LeaseStatus:
    """``left`` and ``ttl`` are seconds: until it ends unless it is renewed, and as granted."""

    id: int
    ttl: int
    left: int
    keys: tuple[str, ...]


async def read_leases(etcd: Etcd) -> tuple[LeaseStatus, ...]:
    """Those that live, by id. Raises StoreError; StoreRefused to whoever may not know."""

    async def listed(to: Connection, metadata: Metadata, timeout: float) -> Any:
        # A reply of any type keeps the fields that it does not know.
        call = to.channel.unary_unary(
            "/etcdserverpb.Lease/LeaseLeases",
            request_serializer=rpc.LeaseTimeToLiveRequest.SerializeToString,
            response_deserializer=rpc.LeaseRevokeResponse.FromString,
        )
        return await call(rpc.LeaseTimeToLiveRequest(), metadata=metadata, timeout=timeout)

    answer = await etcd.call(listed, Repeat.READ)
    # A LeaseStatus holds an id in the place where a LeaseTimeToLiveRequest has one.
    ids = [
        rpc.LeaseTimeToLiveRequest.FromString(field.data).ID
        for field in UnknownFieldSet(answer)
        if field.field_number == _LEASES_FIELD
    ]
    turns = asyncio.Semaphore(_AT_ONCE)

    async def one(lease: int) -> LeaseStatus:
        request = rpc.LeaseTimeToLiveRequest(ID=lease, keys=True)
        async with turns:
            told = await etcd.call(
                lambda to, metadata, timeout: to.lease.LeaseTimeToLive(
                    request, metadata=metadata, timeout=timeout
                ),
                Repeat.READ,
            )
        keys = tuple(decode_key(key) for key in told.keys)
        return LeaseStatus(lease, int(told.grantedTTL), int(told.TTL), keys)

    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(one(lease)) for lease in sorted(ids)]
    # One that has ended since it was listed has -1 left.
    return tuple(lease for task in asked if (lease := task.result()).left >= 0)
