"""A transaction as data: what must hold, what is done then, and what otherwise."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TypeAlias

from crony_ops.store.entry import Entry


class Target(enum.Enum):
    CREATE = enum.auto()
    MOD = enum.auto()
    VALUE = enum.auto()
    LEASE = enum.auto()


class Action(enum.Enum):
    PUT = enum.auto()
    DELETE = enum.auto()
    GET = enum.auto()


@dataclass(frozen=True, slots=True)
class Compare:
    """A condition on one key: equal to ``operand``, or greater than it.

    ``prefix`` puts it to every key that starts with ``key``.
    """

    key: str
    target: Target
    operand: int | bytes
    greater: bool = False
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class Op:
    """One operation; ``prefix`` makes it mean every key that starts with ``key``."""

    action: Action
    key: str
    prefix: bool = False
    value: bytes = b""
    lease: int = 0
    keys_only: bool = False
    limit: int = 0


@dataclass(frozen=True, slots=True)
class Txn:
    """All of ``when`` must hold for ``then``; else ``otherwise``. Both may nest transactions.

    etcd evaluates every condition, nested ones too, before it does anything of the request.
    """

    when: tuple[Compare, ...]
    then: tuple[Op | Txn, ...]
    otherwise: tuple[Op | Txn, ...] = ()


@dataclass(frozen=True, slots=True)
class TxnResult:
    """``responses`` are of the branch taken, in order.

    A get gives its entries, a delete how many keys it took, a put None, a nested transaction
    its own result. ``revision`` is the store's after the whole request, also in a nested result.
    """

    succeeded: bool
    revision: int
    responses: tuple[Response, ...]


Response: TypeAlias = tuple[Entry, ...] | int | TxnResult | None


def exists(key: str) -> Compare:
    return Compare(key, Target.CREATE, 0, greater=True)


def absent(key: str) -> Compare:
    return Compare(key, Target.CREATE, 0)


def absent_under(prefix: str) -> Compare:
    """No key starts with ``prefix``."""
    return Compare(prefix, Target.CREATE, 0, prefix=True)


def mod_is(key: str, revision: int) -> Compare:
    """The key was last written at ``revision``; 0 holds for an absent key."""
    return Compare(key, Target.MOD, revision)


def create_is(key: str, revision: int) -> Compare:
    """The key was created at ``revision``; 0 holds for an absent key."""
    return Compare(key, Target.CREATE, revision)


def lease_is(key: str, lease: int) -> Compare:
    """The key hangs on ``lease``; 0 holds for a key without a lease, and for an absent one."""
    return Compare(key, Target.LEASE, lease)


def value_is(key: str, value: bytes) -> Compare:
    """The key is there and holds exactly ``value``. Never holds for an absent key."""
    return Compare(key, Target.VALUE, value)


def put(key: str, value: bytes, lease: int = 0) -> Op:
    return Op(Action.PUT, key, value=value, lease=lease)


def delete(key: str) -> Op:
    return Op(Action.DELETE, key)


def delete_prefix(prefix: str) -> Op:
    return Op(Action.DELETE, prefix, prefix=True)


def get(key: str) -> Op:
    return Op(Action.GET, key)


def get_prefix(prefix: str, keys_only: bool = False, limit: int = 0) -> Op:
    """Every key that starts with ``prefix``; a ``limit`` of 0 is none."""
    return Op(Action.GET, prefix, prefix=True, keys_only=keys_only, limit=limit)


def written_keys(txn: Txn) -> set[str]:
    """The keys whose put, or whose deletion, a watch is bound to report once the transaction has
    succeeded: a deleted key counts if it was compared as being there."""
    compared = {c.key for c in txn.when if c.target is Target.MOD and c.operand}
    return {
        op.key
        for op in txn.then
        if isinstance(op, Op) and (op.action is Action.PUT or op.key in compared)
    }
