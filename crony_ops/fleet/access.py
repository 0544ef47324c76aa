"""Who may touch what in etcd, as data, and what it takes to bring that about. Pure.

A user of etcd has the common name of the certificate that makes somebody this user, and one role,
which has the user's name.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from crony_ops.model.node import node_uuid
from crony_ops.store.permission import Permission, Right

if TYPE_CHECKING:
    from crony_ops.store.keys import Keys

ADMINISTRATOR = "root"
"""etcd's own name for the user and the role that may do everything."""

Access = Mapping[str, frozenset[Permission]]
"""What each user may touch."""


def node_user(name: str) -> str:
    return f"node-{name}"


def watcher_user(name: str) -> str:
    return f"watcher-{name}"


def access(
    keys: Keys,
    cluster: str,
    *,
    nodes: Iterable[str] = (),
    watchers: Iterable[str] = (),
    operators: Iterable[str] = (),
) -> Access:
    """Everyone's, the administrator's included. ``nodes`` and ``watchers`` are names of hosts."""
    whole = frozenset({Permission.under(Right.readwrite, keys.everything)})
    return {
        ADMINISTRATOR: frozenset(),
        **dict.fromkeys(operators, whole),
        **dict.fromkeys(map(watcher_user, watchers), whole),
        **{node_user(name): of_a_node(keys, node_uuid(cluster, name)) for name in nodes},
    }


def of_a_node(keys: Keys, uuid: str) -> frozenset[Permission]:
    """Its jobs and the orders to it are read, never written, but for what a claim takes away.

    Any node may come to hold any job: so cursors, queue, records and news are open to all nodes.
    """
    read, write, both = Right.read, Right.write, Right.readwrite
    return frozenset(
        {
            Permission.under(read, keys.meta),
            Permission.under(read, keys.jobs_of(uuid)),
            Permission.under(read, keys.pauses),
            Permission.under(read, keys.system_switch(uuid)),
            Permission.under(both, keys.onces),
            Permission.under(both, keys.queue),
            Permission.under(both, keys.kills_on(uuid)),
            Permission.on(both, keys.node(uuid)),
            Permission.under(both, keys.open_on(uuid)),
            Permission.under(both, keys.cursors),
            Permission.under(both, keys.runs),
            Permission.under(write, keys.all_news),
            Permission.under(write, keys.procs_of(uuid)),
            Permission.on(write, keys.system_info(uuid)),
        }
    )


class Action(enum.StrEnum):
    add_role = "add role"
    permit = "permit"
    add_user = "add user"
    give_role = "give role"
    take_role = "take role"
    forbid = "forbid"
    delete_user = "delete user"
    delete_role = "delete role"
    enable = "turn authentication on"


@dataclass(frozen=True, slots=True)
class Step:
    """One change of etcd's users and roles. ``name`` is the user's, the role's, or both."""

    action: Action
    name: str = ""
    permission: Permission | None = None
    role: str = ""

    def __str__(self) -> str:
        return " ".join(
            part for part in (self.action, self.name, str(self.permission or self.role)) if part
        )


@dataclass(frozen=True, slots=True)
class Stored:
    """What etcd has: each user's roles, each role's permissions, of those that were asked for."""

    enabled: bool = False
    users: Mapping[str, frozenset[str]] = field(default_factory=dict)
    roles: Mapping[str, frozenset[Permission]] = field(default_factory=dict)


def plan(wanted: Access, absent: Iterable[str], stored: Stored) -> list[Step]:
    """The steps from ``stored`` to ``wanted``; users that neither names are left alone.

    What is right already is never taken away in between: a daemon at work does not notice. At the
    end authentication is on.
    """
    steps: list[Step] = []
    for name, permissions in wanted.items():
        steps += _role(name, permissions, stored)
        steps += _user(name, stored)
    for name in absent:
        if name in stored.users:
            steps.append(Step(Action.delete_user, name))
        if name in stored.roles:
            steps.append(Step(Action.delete_role, name))
    if not stored.enabled:
        steps.append(Step(Action.enable))
    return steps


def _role(name: str, wanted: frozenset[Permission], stored: Stored) -> Iterable[Step]:
    if name not in stored.roles:
        yield Step(Action.add_role, name)
    has = stored.roles.get(name, frozenset())
    for permission in sorted(wanted - has, key=_place):
        yield Step(Action.permit, name, permission)
    spans = {permission.span for permission in wanted}
    for permission in sorted(has - wanted, key=_place):
        if permission.span not in spans:  # else the new one has taken its place
            yield Step(Action.forbid, name, permission)


def _user(name: str, stored: Stored) -> Iterable[Step]:
    if name not in stored.users:
        yield Step(Action.add_user, name)
    has = stored.users.get(name, frozenset())
    if name not in has:
        yield Step(Action.give_role, name, role=name)
    for role in sorted(has - {name}):
        yield Step(Action.take_role, name, role=role)


def _place(permission: Permission) -> tuple[bytes, bytes]:
    return permission.span
