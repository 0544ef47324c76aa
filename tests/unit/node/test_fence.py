"""What of a node's runs may still start once its lease is gone."""

from __future__ import annotations

import pytest

from crony_ops.model.run import OpenRun
from crony_ops.node.runs.fence import refusal


@pytest.mark.parametrize(
    ("job", "attempt", "instead"),
    [
        ({"on_node_loss_rerun": True}, 1, "fenced"),
        ({"on_node_loss_rerun": True}, 2, "fenced"),
        ({}, 1, "lost"),
        ({}, 2, None),
        ({"bound": True}, 1, None),
        ({"bound": True, "on_node_loss_rerun": True}, 1, None),
    ],
)
def test_past_the_lease_nothing_begins_that_may_run_elsewhere(
    job: dict[str, bool], attempt: int, instead: str | None
) -> None:
    run = OpenRun(run_id="20270115T080000Z-s", job_id="j", tick=1, node="n", incarnation=7, **job)
    refused = refusal(run, attempt)
    assert (refused and refused[0]) == instead
