"""Our plain data as etcd's protobuf messages, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from etcd3.etcdrpc import rpc_pb2 as rpc

from crony_ops.store.entry import Entry
from crony_ops.store.txn import Action, Compare, Op, Response, Target, Txn, TxnResult

if TYPE_CHECKING:
    from collections.abc import Iterable


def encode_key(key: str) -> bytes:
    return key.encode("utf-8", "surrogateescape")


def decode_key(key: bytes) -> str:
    """A stranger's key that is no UTF-8 must not stop a listing: its bytes become surrogates."""
    return key.decode("utf-8", "surrogateescape")


def prefix_end(prefix: bytes) -> bytes:
    """The first key behind all that start with ``prefix``; etcd reads a zero byte as "no end"."""
    stem = prefix.rstrip(b"\xff")
    return stem[:-1] + bytes((stem[-1] + 1,)) if stem else b"\0"


def entry_of(kv: Any) -> Entry:
    return Entry(
        decode_key(kv.key), kv.value, kv.create_revision, kv.mod_revision, kv.version, kv.lease
    )


def txn_request(txn: Txn) -> Any:
    return rpc.TxnRequest(
        compare=[_compare(compare) for compare in txn.when],
        success=[_request_op(op) for op in txn.then],
        failure=[_request_op(op) for op in txn.otherwise],
    )


def txn_result(txn: Txn, response: Any, revision: int) -> TxnResult:
    """Read an answer beside the transaction that it answers."""
    branch = txn.then if response.succeeded else txn.otherwise
    return TxnResult(response.succeeded, revision, _responses(branch, response, revision))


def _responses(branch: Iterable[Op | Txn], response: Any, revision: int) -> tuple[Response, ...]:
    return tuple(
        _response(op, answer, revision)
        for op, answer in zip(branch, response.responses, strict=True)
    )


def _response(op: Op | Txn, answer: Any, revision: int) -> Response:
    if isinstance(op, Txn):
        return txn_result(op, answer.response_txn, revision)
    match op.action:
        case Action.GET:
            return tuple(entry_of(kv) for kv in answer.response_range.kvs)
        case Action.DELETE:
            return int(answer.response_delete_range.deleted)
        case Action.PUT:
            return None


_FIELD = {
    Target.CREATE: (rpc.Compare.CREATE, "create_revision"),
    Target.MOD: (rpc.Compare.MOD, "mod_revision"),
    Target.VALUE: (rpc.Compare.VALUE, "value"),
    Target.LEASE: (rpc.Compare.LEASE, "lease"),
}


def _compare(compare: Compare) -> Any:
    target, field = _FIELD[compare.target]
    key = encode_key(compare.key)
    return rpc.Compare(
        result=rpc.Compare.GREATER if compare.greater else rpc.Compare.EQUAL,
        target=target,
        key=key,
        range_end=prefix_end(key) if compare.prefix else b"",
        **{field: compare.operand},
    )


def _request_op(op: Op | Txn) -> Any:
    if isinstance(op, Txn):
        return rpc.RequestOp(request_txn=txn_request(op))
    key = encode_key(op.key)
    end = prefix_end(key) if op.prefix else b""
    match op.action:
        case Action.PUT:
            put = rpc.PutRequest(key=key, value=op.value, lease=op.lease)
            return rpc.RequestOp(request_put=put)
        case Action.DELETE:
            delete = rpc.DeleteRangeRequest(key=key, range_end=end)
            return rpc.RequestOp(request_delete_range=delete)
        case Action.GET:
            get = rpc.RangeRequest(key=key, range_end=end, keys_only=op.keys_only, limit=op.limit)
            return rpc.RequestOp(request_range=get)
