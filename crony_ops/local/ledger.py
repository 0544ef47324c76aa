"""The ledger: jobs that write down by themselves when they began and when they ended.

What is on record in etcd is held against it, for it is the one witness that no part of the cluster
has a hand in.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

_WRITE = (
    """say() { printf '{"event":"%s","job":"%s","tick":"%s","run":"%s","node":"%s","""
    """"attempt":%s,"at":%s}\\n' "$1" "$CRONY_JOB" "$CRONY_TICK" "$CRONY_RUN" "$CRONY_NODE" """
    """"$CRONY_ATTEMPT" "$EPOCHREALTIME" >>"$LEDGER"; }\n"""
)


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """``tick`` in unix seconds; ``at`` in unix seconds by the job's own clock; ``node`` a name."""

    event: Literal["start", "end"]
    job: str
    tick: int
    run: str
    node: str
    attempt: int
    at: float


def ledger_job(ledger: Path, schedule: str, *, seconds: float = 0, **fields: Any) -> dict[str, Any]:
    """A job as a job file has it, which lasts some ``seconds`` between its two lines.

    Each line is one short write to the end of the file, so that no two runs mix theirs.
    """
    work = f"sleep {seconds}\n" if seconds else ""
    return {
        "schedule": schedule,
        "shell": f"{_WRITE}say start\n{work}say end\n",
        "env": {"LEDGER": str(ledger.absolute()), "LC_ALL": "C"},
        **fields,
    }


def read_ledger(lines: Iterable[str]) -> list[LedgerLine]:
    """In the order of writing. Raises ValueError where a line is none of ours."""
    return [_line(json.loads(line)) for line in lines if line.strip()]


def _line(written: dict[str, Any]) -> LedgerLine:
    tick = datetime.strptime(written.pop("tick"), "%Y%m%dT%H%M%S%z")
    return LedgerLine(tick=int(tick.timestamp()), **written)
