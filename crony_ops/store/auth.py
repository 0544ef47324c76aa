"""etcd's users and roles: what is there, and the requests that change it.

All but ``is_enabled`` is for the user root alone once authentication is on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from etcd3.etcdrpc import auth_pb2, rpc_pb2

from crony_ops.errors import StoreRefused
from crony_ops.store.client import Repeat
from crony_ops.store.permission import Permission, Right
from crony_ops.store.txn import Txn, get

if TYPE_CHECKING:
    from crony_ops.store.client import Etcd

# AuthUserAddRequest.options with no_password set, younger than the message definitions at hand.
_NO_PASSWORD = b"\x1a\x02\x08\x01"

_KIND = {
    Right.read: auth_pb2.Permission.READ,
    Right.write: auth_pb2.Permission.WRITE,
    Right.readwrite: auth_pb2.Permission.READWRITE,
}
_RIGHT = {kind: right for right, kind in _KIND.items()}


async def is_enabled(etcd: Etcd) -> bool:
    """Whether etcd asks who its clients are: only then it looks whether a login is right."""
    request = rpc_pb2.AuthenticateRequest(name="", password="")
    try:
        await _ask(etcd, "Authenticate", request, Repeat.READ)
    except StoreRefused as refusal:
        return "authentication is not enabled" not in str(refusal)
    return True


async def enable(etcd: Etcd) -> None:
    """Needs the user root with the role root. It is fine if it is on already."""
    await _ask(etcd, "AuthEnable", rpc_pb2.AuthEnableRequest(), Repeat.HARMLESS)


async def looks_into_transactions(etcd: Etcd) -> bool:
    """Whether etcd asks for rights inside a transaction that is inside a transaction.

    An older one does not (GHSA-rfx7-8w68-q57q): then every client may do everything. ``etcd`` is
    of a user who may touch what is under its prefix.
    """
    outside = get(etcd.settings.prefix)
    try:
        await etcd.txn(Txn((), (Txn((), (outside,)),)))
    except StoreRefused:
        return True
    return False


async def roles_of(etcd: Etcd, user: str) -> frozenset[str] | None:
    """None if there is no such user."""
    answer = await _get(etcd, "UserGet", rpc_pb2.AuthUserGetRequest(name=user))
    return None if answer is None else frozenset(answer.roles)


async def permissions_of(etcd: Etcd, role: str) -> frozenset[Permission] | None:
    """None if there is no such role."""
    answer = await _get(etcd, "RoleGet", rpc_pb2.AuthRoleGetRequest(role=role))
    if answer is None:
        return None
    return frozenset(Permission(_RIGHT[p.permType], p.key, p.range_end) for p in answer.perm)


async def add_user(etcd: Etcd, name: str) -> None:
    """One without a password: only a certificate makes anybody this user."""
    request = rpc_pb2.AuthUserAddRequest.FromString(_NO_PASSWORD)
    request.name = name
    await _ask(etcd, "UserAdd", request)


async def delete_user(etcd: Etcd, name: str) -> None:
    await _ask(etcd, "UserDelete", rpc_pb2.AuthUserDeleteRequest(name=name))


async def add_role(etcd: Etcd, name: str) -> None:
    await _ask(etcd, "RoleAdd", rpc_pb2.AuthRoleAddRequest(name=name))


async def delete_role(etcd: Etcd, name: str) -> None:
    await _ask(etcd, "RoleDelete", rpc_pb2.AuthRoleDeleteRequest(role=name))


async def give_role(etcd: Etcd, user: str, role: str) -> None:
    request = rpc_pb2.AuthUserGrantRoleRequest(user=user, role=role)
    await _ask(etcd, "UserGrantRole", request)


async def take_role(etcd: Etcd, user: str, role: str) -> None:
    request = rpc_pb2.AuthUserRevokeRoleRequest(name=user, role=role)
    await _ask(etcd, "UserRevokeRole", request)


async def permit(etcd: Etcd, role: str, permission: Permission) -> None:
    """In the place of what the role was permitted on the same range, if it was."""
    wanted = auth_pb2.Permission(
        permType=_KIND[permission.right], key=permission.key, range_end=permission.end
    )
    request = rpc_pb2.AuthRoleGrantPermissionRequest(name=role, perm=wanted)
    await _ask(etcd, "RoleGrantPermission", request, Repeat.HARMLESS)


async def forbid(etcd: Etcd, role: str, permission: Permission) -> None:
    request = rpc_pb2.AuthRoleRevokePermissionRequest(
        role=role, key=permission.key, range_end=permission.end
    )
    await _ask(etcd, "RoleRevokePermission", request)


async def _get(etcd: Etcd, method: str, request: Any) -> Any:
    try:
        return await _ask(etcd, method, request, Repeat.READ)
    except StoreRefused as refusal:
        if "name not found" in str(refusal):
            return None
        raise


async def _ask(etcd: Etcd, method: str, request: Any, repeat: Repeat = Repeat.NEVER) -> Any:
    return await etcd.call(
        lambda to, metadata, timeout: getattr(to.auth, method)(
            request, metadata=metadata, timeout=timeout
        ),
        repeat,
    )
