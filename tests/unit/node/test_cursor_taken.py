"""A cursor read from etcd, beside what the node's own journal knows to have been claimed."""

from __future__ import annotations

import pytest

from crony_ops.model.job import Job
from crony_ops.model.spec import Assignment, Cursor
from crony_ops.node.ticks.holding import Holding
from crony_ops.store import Entry
from crony_ops.store.keys import Keys

NOW = 1_795_392_000


def holding() -> Holding:
    job = Job.model_validate({"schedule": "* * * * * *", "shell": "x"})
    assignment = Assignment(job=job, sha256="", spec_revision=1)
    return Holding.read("j", "key", assignment.to_json(), 1, Keys(), "u")


def cursor(tick: int) -> Entry:
    return Entry("cursor", Cursor(tick=tick).to_json(), 1, 9, 2, 0)


@pytest.mark.parametrize(
    ("stands", "claimed", "taken"),
    [
        (-60, 0, -60),
        (-60, -10, -10),  # an older etcd's
        (0, -10, 0),
        (0, 1, 1),  # claimed a second ahead
        (-60, 86_400, -60),  # by a clock that was a day ahead; the cursor was reset since
        (120, 86_400, 120),
    ],
)
def test_what_was_claimed_is_not_claimed_again_and_nothing_else_is_passed_over(
    stands: int, claimed: int, taken: int
) -> None:
    held = holding()
    held.take_cursor(cursor(NOW + stands), NOW + claimed if claimed else 0, NOW)
    assert held.cursor == NOW + taken
    assert held.cursor_revision == 9
