"""Records of runs that never were."""

from __future__ import annotations

from crony_ops.model.run import (
    Attempt,
    GapRecord,
    OpenRun,
    RunRecord,
    RunState,
    gap_id,
    tick_run_id,
)


def a_run(
    tick: int, state: RunState = RunState.succeeded, took: float | None = 1.0, **fields: object
) -> RunRecord:
    """Of job ``backup`` on node-1, started at its tick unless ``took`` (seconds) is None."""
    ended = tick + (took or 0.0)
    attempt = Attempt(number=1, started_at=tick, ended_at=ended, exit_code=0, output=f"at {tick}\n")
    known = {
        "run_id": tick_run_id(tick),
        "job_id": "backup",
        "tick": tick,
        "state": state,
        "node": "u1",
        "node_name": "node-1",
        "started_at": None if took is None else float(tick),
        "ended_at": ended,
        "attempts": () if took is None else (attempt,),
    }
    return RunRecord.model_validate({**known, **fields})


def a_gap(first: int, last: int, count: int, reason: str = "nobody could run it") -> GapRecord:
    return GapRecord(
        type="gap",
        run_id=gap_id(last),
        job_id="backup",
        first=first,
        last=last,
        count=count,
        reason=reason,
        node="u1",
        node_name="node-1",
        at=last + 100,
    )


def under_way(tick: int, **fields: object) -> OpenRun:
    known = {"run_id": tick_run_id(tick), "job_id": "backup", "tick": tick, "node": "u1"}
    return OpenRun.model_validate({**known, "incarnation": 7, "claimed_at": tick - 1.0, **fields})
