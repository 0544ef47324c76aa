"""`crony-ops history`: a job's last runs on a line each, and what they add up to."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal
from zoneinfo import ZoneInfo

import typer
from rich.text import Text

from crony_ops.cli.completion import job_ids
from crony_ops.cli.past_runs.job_runs import JobRuns, look_at_runs
from crony_ops.cli.past_runs.run_statistics import (
    RunStatistics,
    duration,
    run_statistics,
    sparkline,
)
from crony_ops.cli.terminal.connection import connected
from crony_ops.cli.terminal.output import (
    Output,
    OutputOption,
    brief,
    print_table,
    say,
    show,
    wall_time,
)
from crony_ops.cli.view.job_rows import ENDED_WELL
from crony_ops.model.run import GapRecord, OpenRun, RunRecord, RunState
from crony_ops.store.entry import shown_key
from crony_ops.store.settings import EtcdSettings  # noqa: TC001 - read at runtime by `connected`

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """A run, ended or under way (``state`` running), or a gap (``missed``: ``count`` ticks up to
    and including ``tick``). ``tick``, ``at`` (its end; for a run under way its claim) are in unix
    seconds, ``late`` and ``took`` in seconds; ``took`` is None for what was never started.
    ``epoch`` is what it saw as CRONY_EPOCH, ``incarnation`` the lease of its node that it was
    claimed under; None for a gap, and where the version that wrote it did not note them."""

    run_id: str
    state: RunState | Literal["missed"]
    tick: int
    at: float
    node: str
    epoch: int | None
    incarnation: int | None
    late: float
    late_because: str
    took: float | None
    attempts: int
    count: int
    reason: str


@dataclass(frozen=True, slots=True)
class HistoryDocument:
    """``at`` is in unix seconds. What is under way comes first, then the newest."""

    at: float
    job: str
    runs: list[HistoryRow]
    statistics: RunStatistics


@connected
def history(
    settings: EtcdSettings,
    job: Annotated[str, typer.Argument(metavar="JOB", autocompletion=job_ids)],
    count: Annotated[
        int | None, typer.Option("-n", "--count", min=1, help="at most so many; all that is kept")
    ] = None,
    output: OutputOption = Output.text,
) -> None:
    """List a job's last runs and gaps, the newest first: state, node, lateness, duration.

    etcd keeps the newest ten of a job (three a node of one that runs on every node); what the runs
    add up to is of those. The document of `--output json` is {at, job, runs: [HistoryRow],
    statistics: RunStatistics}. Times are in unix seconds, durations in seconds.

    Examples:
      $ crony-ops history disk-full
      $ crony-ops history disk-full -n 3 -o json
    """
    runs = look_at_runs(settings, job)
    now = time.time()
    records = runs.records[:count]
    rows = history_rows(runs, records, now)
    statistics = run_statistics(records)
    document = HistoryDocument(at=now, job=job, runs=rows, statistics=statistics)
    show(document, output, lambda console: _print(console, rows, statistics, runs.timezone))
    for key in runs.unreadable:
        say(f"{shown_key(key)} can't be read")


def history_rows(
    runs: JobRuns, records: Sequence[RunRecord | GapRecord], now: float
) -> list[HistoryRow]:
    """What is under way, then the ``records``, both with the newest first."""
    under_way = [_under_way(run, runs.names, now) for run in reversed(runs.open)]
    return under_way + [_row(record) for record in records]


def _under_way(run: OpenRun, names: dict[str, str], now: float) -> HistoryRow:
    return HistoryRow(
        run_id=run.run_id,
        state=RunState.running,
        tick=run.tick,
        at=run.claimed_at,
        node=names.get(run.node, run.node),
        epoch=run.epoch or None,
        incarnation=run.incarnation or None,
        late=0.0,
        late_because="",
        took=max(0.0, now - run.claimed_at),
        attempts=0,
        count=1,
        reason=run.reason,
    )


def _row(record: RunRecord | GapRecord) -> HistoryRow:
    if isinstance(record, GapRecord):
        return HistoryRow(
            run_id=record.run_id,
            state="missed",
            tick=record.last,
            at=record.at,
            node=record.node_name or record.node,
            epoch=None,
            incarnation=None,
            late=0.0,
            late_because="",
            took=None,
            attempts=0,
            count=record.count,
            reason=record.reason,
        )
    return HistoryRow(
        run_id=record.run_id,
        state=record.state,
        tick=record.tick,
        at=record.ended_at,
        node=record.node_name or record.node,
        epoch=record.epoch or None,
        incarnation=record.incarnation or None,
        late=record.late,
        late_because=record.late_because,
        took=duration(record),
        attempts=len(record.attempts),
        count=1,
        reason=record.reason,
    )


def _print(
    console: Console, rows: Sequence[HistoryRow], statistics: RunStatistics, timezone: str
) -> None:
    zone = ZoneInfo(timezone)
    lines = (
        (
            wall_time(row.tick, zone),
            Text(row.state, _style(row.state)),
            row.node or "-",
            brief(row.late) if row.late else "-",
            "-" if row.took is None else brief(row.took),
            row.attempts or "-",
            row.run_id,
            _remark(row),
        )
        for row in rows
    )
    if rows:
        print_table(
            console,
            ("TICK", "STATE", "NODE", "LATE", "TOOK", "TRIES", "RUN", ""),
            lines,
            right=("LATE", "TOOK", "TRIES"),
        )
    for line in in_words(statistics):
        console.print(line, soft_wrap=True)


def _style(state: str) -> str:
    if state == RunState.running:
        return ""
    return "green" if state in ENDED_WELL else "red"


def _remark(row: HistoryRow) -> str:
    ticks = f"{row.count:,} ticks" if row.count > 1 else ""
    late = f"late: {row.late_because}" if row.late_because else ""
    return " · ".join(words for words in (ticks, row.reason, late) if words)


def in_words(statistics: RunStatistics) -> list[str]:
    """What the runs add up to, in a line or two; none where nothing has ended."""
    if not statistics.runs and not statistics.missed:
        return ["nothing has ended yet, of what etcd keeps"]
    parts = []
    if statistics.success_rate is not None:
        parts.append(f"{statistics.succeeded} succeeded ({statistics.success_rate:.0%})")
    if statistics.failed:
        parts.append(f"{statistics.failed} did not")
    if statistics.skipped:
        parts.append(f"{statistics.skipped} skipped")
    if statistics.missed:
        parts.append(f"{statistics.missed:,} ticks missed")
    match statistics.runs:
        case 0:
            of = "no run has ended"
        case 1:
            of = "of the last run"
        case many:
            of = f"of the last {many} runs"
    lines = [f"{of}: {', '.join(parts)}"]
    if statistics.p50 is not None and statistics.p95 is not None:
        longest = statistics.longest or 0.0
        lines.append(
            f"took {sparkline(statistics.took)}  p50 {brief(statistics.p50)}, "
            f"p95 {brief(statistics.p95)}, longest {brief(longest)}"
        )
    return lines
