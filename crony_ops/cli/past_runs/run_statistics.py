"""What a job's last runs add up to: how often they succeed, how long they take. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from crony_ops.model.run import GapRecord, RunRecord, RunState

if TYPE_CHECKING:
    from collections.abc import Sequence

_BARS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class RunStatistics:
    """``runs`` is how many records these are of, and how many of them say how a run ended:
    ``succeeded`` and ``failed``, which is any other end, but for those ``skipped``. ``missed``
    counts the ticks of gaps. ``success_rate`` lies in [0, 1] and is None while nothing has ended.

    ``took`` has the durations of the runs that were started, in seconds, the oldest first;
    ``p50``, ``p95`` and ``longest`` are some of these, None where there is none.
    """

    runs: int
    succeeded: int
    failed: int
    skipped: int
    missed: int
    success_rate: float | None
    took: tuple[float, ...]
    p50: float | None
    p95: float | None
    longest: float | None


def run_statistics(records: Sequence[RunRecord | GapRecord]) -> RunStatistics:
    """Of ``records``, the newest first."""
    runs = [record for record in records if isinstance(record, RunRecord)]
    skipped = sum(run.state is RunState.skipped for run in runs)
    succeeded = sum(run.succeeded for run in runs)
    ended = len(runs) - skipped
    durations = tuple(took for run in reversed(runs) if (took := duration(run)) is not None)
    return RunStatistics(
        runs=len(runs),
        succeeded=succeeded,
        failed=ended - succeeded,
        skipped=skipped,
        missed=sum(record.count for record in records if isinstance(record, GapRecord)),
        success_rate=succeeded / ended if ended else None,
        took=durations,
        p50=percentile(durations, 50),
        p95=percentile(durations, 95),
        longest=max(durations, default=None),
    )


def duration(run: RunRecord) -> float | None:
    """Seconds from start to end; None for a run that never started. No clock that was set back
    makes it negative."""
    return None if run.started_at is None else max(0.0, run.ended_at - run.started_at)


def percentile(values: Sequence[float], percent: int) -> float | None:
    """The smallest of ``values`` that at least ``percent`` of a hundred of them don't exceed."""
    if not values:
        return None
    return sorted(values)[max(0, ceil(len(values) * percent / 100) - 1)]


def sparkline(values: Sequence[float]) -> str:
    """A bar for each value, from nought to the largest."""
    top = max(values, default=0.0)
    if top <= 0:
        return _BARS[0] * len(values)
    return "".join(_BARS[min(len(_BARS) - 1, int(value / top * len(_BARS)))] for value in values)
