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
from crony_ops.store.metrics_page import SelfReport, fetch_page

if TYPE_CHECKING:
    from crony_ops.store.login import Login
    from crony_ops.store.settings import EtcdSettings

# StatusResponse.errors and .dbSizeQuota, younger than the message definitions at hand.
_ERRORS_FIELD, _QUOTA_FIELD = 8, 12
# How etcd says it to a user with a certificate, and to who has not shown who he is.
_FOR_ROOT_ALONE = (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.INVALID_ARGUMENT)


async def survey(endpoints: Endpoints, login: Login, settings: EtcdSettings) -> list[MemberStatus]:
    """Ask every configured endpoint, and the members that none of them is. Raises nothing.

    Takes at most the settings' request timeout.
    """
    timeout = settings.request_timeout
    deadline = time.monotonic() + timeout
    configured = list(endpoints)
    asked = await _ask_all(configured, settings, timeout / 2)
    listed, alarms = await _cluster(configured, asked, login, deadline)
    known = {answer.member_id for answer in asked if not isinstance(answer, str)}
    unasked = [m for m in listed if m.ID not in known and m.clientURLs]
    # A configured endpoint that is silent may be one of these: then it is told of once, by name.
    silent = {
        c.endpoint for c, answer in zip(configured, asked, strict=True) if isinstance(answer, str)
    }
    others = {m.ID: m.clientURLs[0].partition("://")[2] for m in unasked}
    extra = [endpoints.connect(address) for address in others.values() if address not in silent]
    try:
        left = max(deadline - time.monotonic(), 0.1)
        extra_asked = await _ask_all(extra, settings, left)
    finally:
        for connection in extra:
            await connection.channel.close()
    names = {m.ID: m.name for m in listed}
    by_address = {address: names[id_] for id_, address in others.items()}
    return [
        _status(connection.endpoint, answer, names, by_address, alarms)
        for connection, answer in zip([*configured, *extra], [*asked, *extra_asked], strict=True)
    ]


async def _ask_all(
    connections: list[Connection], settings: EtcdSettings, timeout: float
) -> list[SelfReport | str]:
    """Each one's answer, or in words why there is none."""

    async def ask(connection: Connection) -> SelfReport | str:
        try:
            await connection.settled(timeout / 2)
            # It needs no leader, so that it tells of none.
            status = await connection.maintenance.Status(rpc.StatusRequest(), timeout=timeout / 4)
            return _reported(status)
        except NotConnected as error:
            return str(error)
        except grpc.aio.AioRpcError as error:
            if error.code() not in _FOR_ROOT_ALONE:
                return str(error.details() or error.code().name)
        try:
            return await fetch_page(settings, connection.endpoint, timeout / 4)
        except (OSError, ValueError) as error:
            return str(error)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(ask(connection)) for connection in connections]
    return [task.result() for task in tasks]


def _reported(status: Any) -> SelfReport:
    newer = [(field.field_number, field.data) for field in UnknownFieldSet(status)]
    return SelfReport(
        member_id=status.header.member_id,
        version=status.version,
        is_leader=status.leader == status.header.member_id,
        db_size=status.dbSize,
        quota=next((data for number, data in newer if number == _QUOTA_FIELD), None),
        errors=tuple(
            data.decode("utf-8", "replace") for number, data in newer if number == _ERRORS_FIELD
        ),
    )


async def _cluster(
    connections: list[Connection], asked: list[SelfReport | str], login: Login, deadline: float
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
    answer: SelfReport | str,
    names: dict[int, str],
    by_address: dict[str, str],
    alarms: dict[int, list[str]],
) -> MemberStatus:
    if isinstance(answer, str):
        return MemberStatus(by_address.get(endpoint, endpoint), endpoint, error=answer)
    return MemberStatus(
        names.get(answer.member_id, endpoint),
        endpoint,
        version=answer.version,
        db_size=answer.db_size,
        is_leader=answer.is_leader,
        quota=answer.quota,
        alarms=tuple(alarms.get(answer.member_id, [])) or answer.errors,
    )
