"""etcd's transactions on a dict: so that a test can say what becomes of the keys.

As etcd does it, every condition of a request, nested ones too, is evaluated before anything is
done; a request has one revision; a key can't be written twice in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from crony_ops.store import Compare, Entry, Op, Txn, TxnResult
from crony_ops.store.txn import Action, Response, Target
from crony_ops.store.wire import txn_request

MAX_OPS = 128


class EtcdModel:
    """Also the part of a mirror that decisions read: ``get`` and ``prefix``."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.revision = 1

    def get(self, key: str) -> Entry | None:
        return self.entries.get(key)

    def prefix(self, prefix: str) -> Mapping[str, Entry]:
        return {k: self.entries[k] for k in sorted(k for k in self.entries if k.startswith(prefix))}

    def put(self, key: str, value: bytes, lease: int = 0) -> Entry:
        self.apply(Txn((), (Op(Action.PUT, key, value=value, lease=lease),)))
        return self.entries[key]

    def delete(self, key: str) -> None:
        self.apply(Txn((), (Op(Action.DELETE, key),)))

    def expire(self, lease: int) -> None:
        """The lease ends, and its keys with it."""
        for key in [k for k, entry in self.entries.items() if entry.lease == lease]:
            self.delete(key)

    def apply(self, txn: Txn) -> TxnResult:
        """Raises ValueError for a request that etcd would refuse or that can't be sent."""
        txn_request(txn)
        _check_size(txn, MAX_OPS)
        taken = self._take_branches(txn)
        self._check_duplicates(taken)
        before = self.revision
        if any(op.action is not Action.GET for op in _ops(taken)):
            self.revision += 1
        result, wrote = self._carry_out(taken)
        if not wrote:
            self.revision = before
        return _at_revision(result, self.revision)

    def holds(self, compare: Compare) -> bool:
        if compare.prefix:
            return all(_compares(compare, entry) for entry in self.prefix(compare.key).values())
        return _compares(compare, self.entries.get(compare.key))

    def _take_branches(self, txn: Txn) -> tuple[bool, list[object]]:
        holds = all(map(self.holds, txn.when))
        branch = txn.then if holds else txn.otherwise
        return holds, [self._take_branches(p) if isinstance(p, Txn) else p for p in branch]

    def _check_duplicates(self, taken: tuple[bool, list[object]]) -> None:
        written: set[str] = set()
        for op in _ops(taken):
            if op.action is Action.PUT and op.key in written:
                raise ValueError(f"duplicate key given in txn request: {op.key}")
            if op.action is Action.PUT:
                written.add(op.key)
        for op in _ops(taken):
            if op.action is Action.DELETE:
                hit = [k for k in written if k == op.key or (op.prefix and k.startswith(op.key))]
                if hit:
                    raise ValueError(f"duplicate key given in txn request: {hit[0]}")

    def _carry_out(self, taken: tuple[bool, list[object]]) -> tuple[TxnResult, bool]:
        holds, parts = taken
        responses: list[Response] = []
        wrote = False
        for part in parts:
            if isinstance(part, tuple):
                nested, did = self._carry_out(part)
                responses.append(nested)
                wrote = wrote or did
                continue
            assert isinstance(part, Op)
            hit = self.prefix(part.key) if part.prefix else self._one(part.key)
            if part.action is Action.GET:
                responses.append(tuple(hit.values()))
            elif part.action is Action.DELETE:
                for key in hit:
                    del self.entries[key]
                responses.append(len(hit))
                wrote = wrote or bool(hit)
            else:
                self._write(part)
                responses.append(None)
                wrote = True
        return TxnResult(holds, 0, tuple(responses)), wrote

    def _one(self, key: str) -> Mapping[str, Entry]:
        return {key: self.entries[key]} if key in self.entries else {}

    def _write(self, op: Op) -> None:
        old = self.entries.get(op.key)
        self.entries[op.key] = Entry(
            key=op.key,
            value=op.value,
            create_revision=old.create_revision if old else self.revision,
            mod_revision=self.revision,
            version=old.version + 1 if old else 1,
            lease=op.lease,
        )


def _compares(compare: Compare, entry: Entry | None) -> bool:
    if compare.target is Target.VALUE:
        return entry is not None and entry.value == compare.operand
    found = {
        Target.CREATE: entry.create_revision if entry else 0,
        Target.MOD: entry.mod_revision if entry else 0,
        Target.LEASE: entry.lease if entry else 0,
    }[compare.target]
    assert isinstance(compare.operand, int)
    return found > compare.operand if compare.greater else found == compare.operand


def _ops(taken: tuple[bool, list[object]]) -> Iterator[Op]:
    for part in taken[1]:
        if isinstance(part, tuple):
            yield from _ops(part)
        elif isinstance(part, Op):
            yield part


def _check_size(txn: Txn, allowed: int) -> None:
    """What nests has only what the outer one leaves."""
    most = max(len(txn.when), len(txn.then), len(txn.otherwise))
    if most > allowed:
        raise ValueError("too many operations in txn request")
    for part in (*txn.then, *txn.otherwise):
        if isinstance(part, Txn):
            _check_size(part, allowed - most)


def _at_revision(result: TxnResult, revision: int) -> TxnResult:
    responses = tuple(
        _at_revision(part, revision) if isinstance(part, TxnResult) else part
        for part in result.responses
    )
    return TxnResult(result.succeeded, revision, responses)
