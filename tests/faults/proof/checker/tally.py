"""The figures of a history: what it survived, what became of the ticks, how long failovers took."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from crony_ops.model.cluster import Failover
from crony_ops.model.run import GapRecord, RunKind, RunRecord, RunState
from tests.faults.proof.checker.index import Index, spec, timing
from tests.faults.proof.checker.runs import GONE
from tests.faults.proof.history import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.faults.proof.history import Fault, History, Write


@dataclass(frozen=True, slots=True)
class Tally:
    """``ticks``: how many were run, missed, skipped or lost; what they sum up to was expected.
    ``failovers``: seconds from what the nemesis did to a node until its last job was elsewhere.
    ``stalls``: seconds for which an etcd member was slow to answer, by the nemesis or by itself,
    or a daemon waited for a processor.
    """

    faults: Counter[str]
    orders: Counter[str]
    ticks: Counter[str]
    reruns: int
    asked_for: int
    failovers: tuple[float, ...]
    stalls: tuple[float, ...]
    writes: int
    seconds: float


def tally(history: History) -> Tally:
    index = Index(history)
    return Tally(
        faults=Counter(str(f.kind) for f in history.faults if f.is_inflicted),
        orders=Counter(str(f.kind) for f in history.faults if f.is_order),
        ticks=_ticks(index),
        reruns=sum(1 for claim in index.claims if claim.run.rerun),
        asked_for=sum(1 for claim in index.claims if claim.run.kind is RunKind.once),
        failovers=tuple(sorted(_failovers(index))),
        stalls=tuple(sorted(_stalls(history.faults))),
        writes=len(history.writes),
        seconds=history.end.at - history.setup.began,
    )


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest of the sorted values that so many percent of them don't exceed."""
    return values[max(0, ceil(len(values) * percent / 100) - 1)]


def _ticks(index: Index) -> Counter[str]:
    """A tick that ran again is run once, or lost if its last run was."""
    fates: dict[tuple[str, int, str], str] = {}
    missed = 0
    for end in index.ends:
        record = end.record
        if isinstance(record, GapRecord):
            missed += _due(index, record, end.write)
            continue
        if record.kind is RunKind.once:
            continue
        tick = (record.job_id, record.tick, record.run_id.partition("@")[2])
        if fates.get(tick) != "run":
            fates[tick] = _fate(record)
    return Counter(fates.values()) + Counter(missed=missed)


def _due(index: Index, gap: GapRecord, write: Write) -> int:
    """How many of the ticks had come due by then. Those that a clock ahead passed over come due
    later, once somebody has put the cursor right."""
    wanted = index.before(index.keys.spec(gap.job_id), write.revision)
    if gap.last <= write.at or wanted is None or wanted.value is None:
        return gap.count
    schedule, _ = timing(spec(wanted.value).job, gap.job_id)
    count, tick = 0, schedule.next_after(gap.first - 1)
    while tick <= write.at:
        count, tick = count + 1, schedule.next_after(tick)
    return count


def _fate(record: RunRecord) -> str:
    if record.state in GONE:
        return "lost"
    return "skipped" if record.state is RunState.skipped else "run"


def _stalls(faults: Sequence[Fault]) -> Iterator[float]:
    for fault in faults:
        if fault.kind is Kind.stall and fault.ended is not None:
            yield fault.ended - fault.began


def _failovers(index: Index) -> list[float]:
    keys, found = index.keys, []
    for write in index.under(keys.failovers):
        if write.value is None or len(index.tail(write, keys.failovers)) != 2:
            continue
        failover = Failover.from_json(write.value.encode())
        if failover.started_at > index.history.end.at:
            continue  # the agents were stopped, for it is over
        cause = _cause(index, failover, write.at)
        if failover.closed_at is not None and failover.moved and cause is not None:
            found.append(write.at - cause.began)
    return found


def _cause(index: Index, failover: Failover, until: float) -> Fault | None:
    """The newest fault of the lost node or its links."""
    mine = [
        fault
        for fault in index.history.faults
        if fault.is_inflicted
        and fault.target.partition(">")[0] == failover.node_name
        and fault.began <= min(until, failover.started_at)
    ]
    return max(mine, key=lambda fault: fault.began, default=None)
