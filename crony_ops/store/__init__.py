"""etcd: the key space, the client, leases, the list-and-watch mirror, transactions and batching."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING

# Before grpc is first imported: its fork handlers crash children spawned while a call is open.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

if TYPE_CHECKING:
    from crony_ops.store.batcher import Batcher as Batcher
    from crony_ops.store.client import Etcd as Etcd
    from crony_ops.store.entry import Change as Change
    from crony_ops.store.entry import Entry as Entry
    from crony_ops.store.entry import Snapshot as Snapshot
    from crony_ops.store.lease import LeaseKeeper as LeaseKeeper
    from crony_ops.store.lease import boottime as boottime
    from crony_ops.store.member_status import MemberStatus as MemberStatus
    from crony_ops.store.mirror import Mirror as Mirror
    from crony_ops.store.settings import EtcdSettings as EtcdSettings
    from crony_ops.store.txn import Compare as Compare
    from crony_ops.store.txn import Op as Op
    from crony_ops.store.txn import Txn as Txn
    from crony_ops.store.txn import TxnResult as TxnResult
    from crony_ops.store.txn import absent as absent
    from crony_ops.store.txn import absent_under as absent_under
    from crony_ops.store.txn import create_is as create_is
    from crony_ops.store.txn import delete as delete
    from crony_ops.store.txn import delete_prefix as delete_prefix
    from crony_ops.store.txn import exists as exists
    from crony_ops.store.txn import get as get
    from crony_ops.store.txn import get_prefix as get_prefix
    from crony_ops.store.txn import lease_is as lease_is
    from crony_ops.store.txn import mod_is as mod_is
    from crony_ops.store.txn import put as put
    from crony_ops.store.txn import value_is as value_is

_TXN = (
    *(
        "Compare",
        "Op",
        "Txn",
        "TxnResult",
        "absent",
        "absent_under",
        "create_is",
        "delete",
        "delete_prefix",
    ),
    *("exists", "get", "get_prefix", "lease_is", "mod_is", "put", "value_is"),
)
_HOME = {
    "Batcher": "batcher",
    "Change": "entry",
    "Entry": "entry",
    "Etcd": "client",
    "EtcdSettings": "settings",
    "LeaseKeeper": "lease",
    "MemberStatus": "members",
    "Mirror": "mirror",
    "Snapshot": "entry",
    "boottime": "lease",
    **dict.fromkeys(_TXN, "txn"),
}


def __getattr__(name: str) -> object:
    """Import a name's module on first use: not every command needs gRPC, which takes its time."""
    try:
        home = _HOME[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    return getattr(import_module(f"{__name__}.{home}"), name)
