"""When the run after a run is to start: what it holds up if it is still under way then."""

from __future__ import annotations

import pytest

from crony_ops.model.job import Job
from crony_ops.model.spec import Assignment
from crony_ops.node.ticks.holding import Holding
from crony_ops.store.keys import Keys

MIDNIGHT = 1_795_392_000


@pytest.mark.parametrize(
    ("tick", "now", "due"),
    [
        (0, 0, 600),
        (0, -1, 600),  # claimed a second ahead
        (0, 599, 600),
        (-7200, 30, 600),  # made up: the ticks since are accounted for
        (-7200, 599, 600),
    ],
)
@pytest.mark.parametrize("splay", [0, 300])
def test_it_is_the_first_that_has_not_fired_yet(tick: int, now: int, due: int, splay: int) -> None:
    job = Job.model_validate({"schedule": "@every 10m", "shell": "x", "splay": splay})
    assignment = Assignment(job=job, sha256="", spec_revision=1, assigned_at=0)
    holding = Holding.read("j", "key", assignment.to_json(), 1, Keys(), "u")
    offset = holding.splay
    found = holding.next_due(MIDNIGHT + tick, MIDNIGHT + now + offset)
    assert found == MIDNIGHT + due + offset
