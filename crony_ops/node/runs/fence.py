"""What the end of a lease does to the runs that were claimed under it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crony_ops.model.run import RunState

if TYPE_CHECKING:
    from crony_ops.model.run import OpenRun

LEASE_RAN_OUT = "this node's lease ran out"


def refusal(run: OpenRun, attempt: int) -> tuple[RunState, str] | None:
    """How a run whose lease is gone ends instead of making this attempt (from 1 on), and why; None
    if it makes it.

    Its job may have moved, and run elsewhere by now. What has begun goes on all the same, unless
    another node may repeat it.
    """
    if run.fenceable:
        return RunState.fenced, LEASE_RAN_OUT
    if run.bound or attempt > 1:
        return None
    return RunState.lost, f"{LEASE_RAN_OUT} before it could start"
