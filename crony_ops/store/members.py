"""How the members of the cluster do, for ``status`` and ``doctor``."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
from etcd3.etcdrpc import rpc_pb2 as rpc
from google.protobuf.unknown_fields import UnknownFieldSet

from crony_ops.errors import StoreError
from crony_ops.store.endpoints import Connection, Endpoints, NotConnected
from crony_ops.store.member_status import MemberStatus

if TYPE_CHECKING:
    from crony_ops.store.login import Login

# StatusResponse.errors and .dbSizeQuota, younger than the message definitions at hand.
_ERRORS_FIELD, _QUOTA_FIELD = 8, 12


async def survey(endpoints: Endpoints, login: Login, timeout: float) -> list[MemberStatus]:
    """Ask every configured endpoint, and the members that none of them is. Raises nothing.

    Takes at most ``timeout`` seconds.
    """
    deadline = time.monotonic() + timeout
    configured = list(endpoints)
    asked = await _ask_all(configured, timeout / 2)
    listed, alarms = await _cluster(configured, asked, login, deadline)
    known = {answer.header.member_id for answer in asked if not isinstance(answer, str)}
    unasked = [m for m in listed if m.ID not in known and m.clientURLs]
    # A configured endpoint that is silent may be one of these: then it is told of once, by name.
    silent = {
        c.endpoint for c, answer in zip(configured, asked, strict=True) if isinstance(answer, str)
    }
    others = {m.ID: m.clientURLs[0].partition("://")[2] for m in unasked}
    extra = [endpoints.connect(address) for address in others.values() if address not in silent]
    try:
        extra_asked = await _ask_all(extra, max(deadline - time.monotonic(), 0.1))
    finally:
        for connection in extra:
            await connection.channel.close()
    names = {m.ID: m.name for m in listed}
    by_address = {address: names[id_] for id_, address in others.items()}
    return [
        _status(connection.endpoint, answer, names, by_address, alarms)
        for connection, answer in zip([*configured, *extra], [*asked, *extra_asked], strict=True)
    ]


async def _ask_all(connections: list[Connection], timeout: float) -> list[Any]:
    """Each one's answer, or in words why there is none."""

    async def ask(connection: Connection) -> Any:
        try:
            await connection.settled(timeout / 2)
            # Open to everybody, so that it needs no login; nor a leader, so that it tells of none.
            return await connection.maintenance.Status(rpc.StatusRequest(), timeout=timeout / 2)
        except NotConnected as error:
            return str(error)
        except grpc.aio.AioRpcError as error:
            return error.details() or error.code().name

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(ask(connection)) for connection in connections]
    return [task.result() for task in tasks]


async def _cluster(
    connections: list[Connection], asked: list[Any], login: Login, deadline: float
) -> tuple[list[Any], dict[int, list[str]]]:
    """The member list and the alarms, from the first member that gives them."""
    for connection, answer in zip(connections, asked, strict=True):
        left = deadline - time.monotonic()
        if isinstance(answer, str) or left <= 0:
            continue
        try:
            metadata = await login.metadata(connection, left / 2)
            listed = await connection.cluster.MemberList(
                rpc.MemberListRequest(), metadata=metadata, timeout=left / 2
            )
        except (grpc.aio.AioRpcError, StoreError):
            continue
        return list(listed.members), await _alarms(connection, metadata, left / 4)
    return [], {}


async def _alarms(connection: Connection, metadata: Any, timeout: float) -> dict[int, list[str]]:
    alarms: dict[int, list[str]] = {}
    try:
        answer = await connection.maintenance.Alarm(
            rpc.AlarmRequest(action=rpc.AlarmRequest.GET), metadata=metadata, timeout=timeout
        )
    except grpc.aio.AioRpcError:
        # Where logins are on, alarms are for root only. The members' own errors say the same.
        return alarms
    for alarm in answer.alarms:
        name = "NOSPACE" if alarm.alarm == rpc.NOSPACE else f"alarm {alarm.alarm}"
        alarms.setdefault(alarm.memberID, []).append(name)
    return alarms


def _status(
    endpoint: str,
    answer: Any,
    names: dict[int, str],
    by_address: dict[str, str],
    alarms: dict[int, list[str]],
) -> MemberStatus:
    if isinstance(answer, str):
        return MemberStatus(by_address.get(endpoint, endpoint), endpoint, error=answer)
    member = answer.header.member_id
    newer = {field.field_number: field.data for field in UnknownFieldSet(answer)}
    reported = [
        field.data.decode("utf-8", "replace")
        for field in UnknownFieldSet(answer)
        if field.field_number == _ERRORS_FIELD
    ]
    return MemberStatus(
        names.get(member, endpoint),
        endpoint,
        version=answer.version,
        db_size=answer.dbSize,
        is_leader=answer.leader == member,
        quota=newer.get(_QUOTA_FIELD),
        alarms=tuple(alarms.get(member, [])) or tuple(reported),
    )
