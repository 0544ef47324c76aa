"""A plan as transactions: what they compare, and how many go into a request."""

from __future__ import annotations

import pytest

from crony_ops.model.node import Pause
from crony_ops.model.spec import Spec
from crony_ops.store.keys import Keys
from crony_ops.store.txn import Target, delete, mod_is, put
from crony_ops.sync.apply import MAX_BYTES, MAX_OPS, Edit, batches, edits
from crony_ops.sync.plan import make_plan
from crony_ops.sync.stored import StoredSpec
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


@pytest.mark.parametrize(
    ("stands", "wanted", "due_from"),
    [
        (stored(7), spec(schedule="@hourly"), 12.5),
        (stored(7), spec(timezone="Asia/Tokyo"), 12.5),
        (stored(7), spec(run_on={"node": "n"}), 12.5),
        (stored(7), spec(timeout=9), 0.0),
        (stored(7, due_from=3.5), spec(timeout=9), 3.5),
        (stored(7, due_from=3.5), spec(schedule="@hourly"), 12.5),
        (StoredSpec.of(b"{", 7), spec(), 12.5),
    ],
)
def test_a_change_of_what_is_due_says_since_when(
    stands: StoredSpec, wanted: Spec, due_from: float
) -> None:
    [edit] = edits(make_plan({"j": wanted}, {"j": stands}), KEYS, "ann", 12.5)
    assert Spec.from_json(edit.then[0].value).due_from == due_from


def test_a_change_compares_what_the_plan_saw() -> None:
    [edit] = edits(make_plan({"j": spec(timeout=9)}, {"j": stored(7)}), KEYS, "ann", 0.0)
    assert [(c.target, c.operand) for c in edit.when] == [(Target.MOD, 7)]
    assert [op.key for op in edit.then] == ["/crony/spec/j"]
