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
    request = rpc.TxnRequest()
    _fill(request, txn)
    return request


def _fill(request: Any, txn: Txn) -> None:
    """In place: a message that is put into another one is copied, at each level of nesting."""
    for compare in txn.when:
        _add_compare(request.compare, compare)
    for op in txn.then:
        _fill_op(request.success.add(), op)
    for op in txn.otherwise:
        _fill_op(request.failure.add(), op)


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


def _add_compare(compares: Any, compare: Compare) -> None:
    target, field = _FIELD[compare.target]
    key = encode_key(compare.key)
    compares.add(
        result=rpc.Compare.GREATER if compare.greater else rpc.Compare.EQUAL,
        target=target,
        key=key,
        range_end=prefix_end(key) if compare.prefix else b"",
        **{field: compare.operand},
    )


def _fill_op(request: Any, op: Op | Txn) -> None:
    if isinstance(op, Txn):
        _fill(request.request_txn, op)
        # An empty one would be no request at all.
        request.request_txn.SetInParent()
        return
    key = encode_key(op.key)
    match op.action:
        case Action.PUT:
            put = request.request_put
            put.key, put.value, put.lease = key, op.value, op.lease
        case Action.DELETE:
            delete = request.request_delete_range
            delete.key, delete.range_end = key, prefix_end(key) if op.prefix else b""
        case Action.GET:
            get = request.request_range
            get.key, get.range_end = key, prefix_end(key) if op.prefix else b""
            get.keys_only, get.limit = op.keys_only, op.limit
