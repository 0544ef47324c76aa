"""The watcher writes only by the batcher that compares who leads, but for what needs no leader."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import crony_ops.watcher

UNFENCED = {
    ("daemon", "put"),  # its own key, on its own lease
    ("key_space", "txn"),  # /crony/meta, where there is none
    ("leadership", "txn"),  # the election, where nobody leads; a resignation, which compares
}
WRITES = {"put", "delete", "delete_prefix", "txn"}


def calls() -> Iterator[tuple[str, ast.Call]]:
    for path in Path(crony_ops.watcher.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                yield path.stem, node


def test_only_what_needs_no_leader_is_written_past_the_batcher() -> None:
    written = {
        (module, call.func.attr)
        for module, call in calls()
        if isinstance(call.func, ast.Attribute)
        and call.func.attr in WRITES
        and ast.unparse(call.func.value).rpartition(".")[2].lstrip("_") == "etcd"
    }
    assert written == UNFENCED


def test_the_one_batcher_compares_who_leads() -> None:
    made = [ast.unparse(call) for _, call in calls() if ast.unparse(call.func) == "Batcher"]
    assert made == ["Batcher(etcd, guard=(create_is(keys.leader, term),))"]
