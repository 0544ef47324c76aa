"""A plan as transactions: what they compare, and how many go into a request."""

from __future__ import annotations

import pytest

from crony_ops.model.node import Pause
from crony_ops.store.keys import Keys
from crony_ops.store.txn import Target, delete, mod_is, put
from crony_ops.sync.apply import MAX_BYTES, MAX_OPS, Edit, batches, edits
from crony_ops.sync.plan import make_plan
from tests.unit.sync.jobs import spec, stored

KEYS = Keys()


def _edit(ops: int, size: int = 1) -> Edit:
    return Edit((mod_is("/k", 1),), tuple(put("/k", b"x" * size) for _ in range(ops)))


@pytest.mark.parametrize(
    ("todo", "sizes"),
    [
        ([], []),
        ([_edit(1)] * 126, [126]),
        ([_edit(1)] * 127, [126, 1]),
        ([_edit(2)] * 65, [64, 1]),
        ([_edit(1, MAX_BYTES // 2)] * 3, [2, 1]),
        ([_edit(1, 2 * MAX_BYTES)] * 2, [1, 1]),
    ],
)
def test_a_request_holds_what_etcd_takes(todo: list[Edit], sizes: list[int]) -> None:
    made = list(batches(todo, guards=2))
    assert [len(batch) for batch in made] == sizes
    for batch in made:
        assert sum(len(edit.then) for edit in batch) <= MAX_OPS
        assert 2 + sum(len(edit.when) for edit in batch) <= MAX_OPS


def test_a_removal_takes_the_spec_and_pauses_the_job_in_one() -> None:
    [edit] = edits(make_plan({}, {"j": stored(7)}), KEYS, "ann", 12.5)
    assert edit.when == (mod_is("/crony/spec/j", 7),)
    taken, paused = edit.then
    assert taken == delete("/crony/spec/j")
    assert paused.key == "/crony/pause/j"
    assert Pause.from_json(paused.value) == Pause(
        who="ann", at=12.5, why="removed from the files", removal=True
    )


def test_a_job_that_comes_back_leaves_its_pause_to_the_leader() -> None:
    [edit] = edits(make_plan({"j": spec()}, {}), KEYS, "ann", 0.0)
    assert edit.when == (mod_is("/crony/spec/j", 0),)
    assert [op.key for op in edit.then] == ["/crony/spec/j"]


def test_a_change_compares_what_the_plan_saw() -> None:
    [edit] = edits(make_plan({"j": spec(timeout=9)}, {"j": stored(7)}), KEYS, "ann", 0.0)
    assert [(c.target, c.operand) for c in edit.when] == [(Target.MOD, 7)]
    assert [op.key for op in edit.then] == ["/crony/spec/j"]
