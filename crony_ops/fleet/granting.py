"""etcd's users and roles made as they are wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crony_ops.errors import OutcomeUnknown
from crony_ops.fleet.access import Access, Action, Step, Stored, plan
from crony_ops.store import Etcd, EtcdSettings, auth

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

_LOOKS = 5


def as_user(user: str, endpoints: Sequence[str], pki: Path, prefix: str) -> EtcdSettings:
    """How a user reaches etcd, with the certificate that the authority's folder has for it."""
    return EtcdSettings(
        endpoints=tuple(endpoints),
        prefix=prefix,
        ca_file=pki / "ca.pem",
        cert_file=pki / f"{user}.pem",
        key_file=pki / f"{user}.key",
    )


async def look(etcd: Etcd, names: Iterable[str]) -> Stored:
    """What etcd has of the users and roles of these names. Raises StoreError."""
    users, roles = {}, {}
    for name in names:
        if (held := await auth.roles_of(etcd, name)) is not None:
            users[name] = held
        if (permitted := await auth.permissions_of(etcd, name)) is not None:
            roles[name] = permitted
    return Stored(await auth.is_enabled(etcd), users, roles)


async def grant(etcd: Etcd, wanted: Access, absent: Sequence[str]) -> list[Step]:
    """Bring it about; the steps that it took. Raises StoreError.

    A step without an answer is looked for, and taken again if it was not done.
    """
    taken: list[Step] = []
    for _ in range(_LOOKS):
        steps = plan(wanted, absent, await look(etcd, (*wanted, *absent)))
        taken = taken or steps
        try:
            for step in steps:
                await _take(etcd, step)
        except OutcomeUnknown as error:
            unknown = error
        else:
            return taken
    raise unknown


async def _take(etcd: Etcd, step: Step) -> None:
    match step.action:
        case Action.add_role:
            await auth.add_role(etcd, step.name)
        case Action.permit:
            assert step.permission is not None
            await auth.permit(etcd, step.name, step.permission)
        case Action.add_user:
            await auth.add_user(etcd, step.name)
        case Action.give_role:
            await auth.give_role(etcd, step.name, step.role)
        case Action.take_role:
            await auth.take_role(etcd, step.name, step.role)
        case Action.forbid:
            assert step.permission is not None
            await auth.forbid(etcd, step.name, step.permission)
        case Action.delete_user:
            await auth.delete_user(etcd, step.name)
        case Action.delete_role:
            await auth.delete_role(etcd, step.name)
        case Action.enable:
            await auth.enable(etcd)
