"""Is every tick accounted for, and none run twice? Ticks, records and ledger, held together. Pure.

A tick has one fate. What should never be seen has words: ``twice`` for a tick that was run again
without a lost or fenced run before, or beside a run that was still going; ``wrong`` where the
ledger and the records contradict each other or the schedule.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING

from crony_ops.model.run import GapRecord, RunKind, RunRecord, RunState

if TYPE_CHECKING:
    from crony_ops.local.ledger import LedgerLine
    from crony_ops.schedule import Schedule

_GONE = (RunState.lost, RunState.fenced)


@dataclass(frozen=True, slots=True)
class Series:
    """The ticks of one job in (``after``, ``until``], unix seconds.

    ``node`` is a name for a job that runs on every node: each node has a series. ``splay`` is the
    job's own offset. ``rerun``: a lost run of it is run again.
    """

    job_id: str
    schedule: Schedule
    after: int
    until: int
    node: str = ""
    splay: int = 0
    rerun: bool = False


class Fate(StrEnum):
    """``made_up``: run, but late. ``rerun``: its first run was lost. The last four were not run,
    or not to an end that anybody saw."""

    on_time = "on time"
    made_up = "made up"
    rerun = "re-run"
    lost = "lost"
    missed = "missed"
    skipped = "skipped"
    unaccounted = "unaccounted"


@dataclass(frozen=True, slots=True)
class Account:
    """What became of a tick. ``reason`` is on record; empty for a run on time."""

    job_id: str
    node: str
    tick: int
    fate: Fate
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Audit:
    accounts: tuple[Account, ...]
    twice: tuple[str, ...]
    wrong: tuple[str, ...]

    @property
    def counts(self) -> Counter[Fate]:
        return Counter(account.fate for account in self.accounts)

    @property
    def unaccounted(self) -> tuple[Account, ...]:
        return tuple(a for a in self.accounts if a.fate is Fate.unaccounted)

    @property
    def sound(self) -> bool:
        return not (self.twice or self.wrong or self.unaccounted)

    def reasons(self, fate: Fate) -> Counter[tuple[str, str]]:
        """How often which job met this fate for which reason."""
        return Counter((a.job_id, a.reason) for a in self.accounts if a.fate is fate)


def audit(
    series: Iterable[Series],
    ledger: Sequence[LedgerLine],
    records: Sequence[RunRecord | GapRecord],
    *,
    on_time: float = 1.0,
) -> Audit:
    """``records`` may hold several versions of one record, the newest last. A run that starts
    within ``on_time`` seconds of its tick (and splay) is on time. Only ledger jobs are audited, and
    runs that somebody asked for are not.
    """
    evidence = _Evidence(ledger, records)
    accounts: list[Account] = []
    twice: list[str] = []
    wrong: list[str] = []
    for one in series:
        seen = evidence.of(one)
        for tick in one.schedule.between(one.after, one.until):
            of_tick = seen.ticks.get(tick, _OfTick())
            accounts.append(_account(one, tick, of_tick, seen.gap_over(tick), on_time))
            twice += _twice(one, tick, of_tick)
            wrong += _wrong(one, tick, of_tick, seen.gap_over(tick))
        wrong += _off_schedule(one, seen)
    return Audit(tuple(accounts), tuple(twice), tuple(wrong))


class _OfTick:
    """``records``: the newest version by run id. ``gone``: the runs that ever were on record as
    lost or fenced. ``starts`` and ``ends`` of attempts, from the ledger."""

    __slots__ = ("ends", "gone", "records", "starts")

    def __init__(self) -> None:
        self.records: dict[str, RunRecord] = {}
        self.gone: set[str] = set()
        self.starts: list[LedgerLine] = []
        self.ends: list[LedgerLine] = []


class _OfSeries:
    def __init__(self) -> None:
        self.ticks: dict[int, _OfTick] = defaultdict(_OfTick)
        self.gaps: list[GapRecord] = []

    def gap_over(self, tick: int) -> GapRecord | None:
        return next((gap for gap in self.gaps if gap.first <= tick <= gap.last), None)


class _Evidence:
    def __init__(
        self, ledger: Iterable[LedgerLine], records: Iterable[RunRecord | GapRecord]
    ) -> None:
        self._series: dict[tuple[str, str], _OfSeries] = defaultdict(_OfSeries)
        for line in ledger:
            if not _asked_for(line.run):
                of_tick = self._of(line.job, line.run).ticks[line.tick]
                (of_tick.starts if line.event == "start" else of_tick.ends).append(line)
        for record in records:
            seen = self._of(record.job_id, record.run_id)
            if isinstance(record, GapRecord):
                seen.gaps.append(record)
            elif record.kind is not RunKind.once:
                of_tick = seen.ticks[record.tick]
                of_tick.records[record.run_id] = record
                if record.state in _GONE:
                    of_tick.gone.add(record.run_id)

    def of(self, one: Series) -> _OfSeries:
        return self._series[one.job_id, one.node]

    def _of(self, job_id: str, run_id: str) -> _OfSeries:
        return self._series[job_id, run_id.partition("@")[2]]


def _asked_for(run_id: str) -> bool:
    return "-o" in run_id.partition("@")[0]


def _account(
    one: Series, tick: int, seen: _OfTick, gap: GapRecord | None, on_time: float
) -> Account:
    def fate(fate: Fate, reason: str = "") -> Account:
        return Account(one.job_id, one.node, tick, fate, reason)

    ended = [r for r in seen.records.values() if r.started_at is not None and r.state not in _GONE]
    if ended:
        run = min(ended, key=lambda r: r.rerun)
        if run.rerun:
            return fate(Fate.rerun, run.reason)
        starts = [line.at for line in seen.starts if line.run == run.run_id]
        if starts and min(starts) - (tick + one.splay) <= on_time:
            return fate(Fate.on_time)
        return fate(Fate.made_up, run.reason)
    for record in seen.records.values():
        return fate(Fate.lost if record.state in _GONE else Fate.skipped, record.reason)
    if gap is not None:
        return fate(Fate.missed, gap.reason)
    return fate(Fate.unaccounted)


def _twice(one: Series, tick: int, seen: _OfTick) -> Iterator[str]:
    starts = sorted(seen.starts, key=lambda line: line.at)
    again = [a for a, n in Counter((line.run, line.attempt) for line in starts).items() if n > 1]
    for run, attempt in again:
        yield f"{_name(one, tick)}: attempt {attempt} of {run} was made more than once"
    first_starts = {line.run: line for line in reversed(starts)}
    runs = sorted(first_starts, key=lambda run: first_starts[run].at)
    for earlier, later in pairwise(runs):
        if not (one.rerun and earlier in seen.gone):
            yield f"{_name(one, tick)}: {later} ran after {earlier}, which was not lost"
        begun = first_starts[later].at
        if any(line.run == earlier and line.at > begun for line in (*seen.starts, *seen.ends)):
            yield f"{_name(one, tick)}: {later} began while {earlier} was still running"


def _wrong(one: Series, tick: int, seen: _OfTick, gap: GapRecord | None) -> Iterator[str]:
    name = _name(one, tick)
    for run_id, record in seen.records.items():
        events = {line.event for line in (*seen.starts, *seen.ends) if line.run == run_id}
        if record.succeeded and events != {"start", "end"}:
            yield f"{name}: {run_id} succeeded by its record, and the job knows nothing of it"
        if record.started_at is None and record.state not in _GONE and events:
            yield f"{name}: {run_id} never started by its record, and yet it ran"
    for run in sorted({line.run for line in seen.starts} - seen.records.keys()):
        yield f"{name}: {run} ran, and there is no record of it"
    if gap is not None and (seen.records or seen.starts):
        yield f"{name}: recorded as missed ({gap.run_id}), and as run"


def _off_schedule(one: Series, seen: _OfSeries) -> Iterator[str]:
    for tick, of_tick in sorted(seen.ticks.items()):
        runs = sorted({*of_tick.records, *(line.run for line in of_tick.starts)})
        if not runs:
            continue
        if one.schedule.newest_at(tick) != tick:
            yield f"{_name(one, tick)}: {runs[0]} is for a second that is no tick of its"
        elif tick <= one.after:
            yield f"{_name(one, tick)}: {runs[0]} is for a tick of before its first assignment"


def _name(one: Series, tick: int) -> str:
    return f"{one.job_id}{f' on {one.node}' if one.node else ''}, tick {tick}"
