"""What a run of the proof came to, as an operator reads it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.faults.proof.checker.tally import percentile
from tests.faults.proof.history import Act, Fault

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from tests.faults.proof.checker.tally import Tally
    from tests.faults.proof.checker.violation import Evidence, Violation

FATES = ("run", "missed", "skipped", "lost")
DOUBLED = "no tick runs twice"
UNACCOUNTED = "every tick is accounted for"
SHOWN = 5
"""Violations of one rule that are printed whole: a broken guard may show thousands of times."""
MOST_OF_A_VALUE = 200


def report(tally: Tally, violations: Sequence[Violation], command: str) -> str:
    """``command`` repeats the run."""
    return "\n".join([*_figures(tally, violations), "", *_verdict(violations, command), ""])


def _figures(tally: Tally, violations: Sequence[Violation]) -> Iterator[str]:
    faults, orders = tally.faults.total(), tally.orders.total()
    yield f"proof     {tally.seconds:,.0f} s, {tally.writes:,} writes"
    yield f"faults    {faults:,}: {_counted(tally.faults)}"
    yield f"orders    {orders:,}: {_counted(tally.orders)}"
    fates = " · ".join(f"{tally.ticks[fate]:,} {fate}" for fate in FATES)
    doubled, forgotten = (
        sum(one.rule == rule for one in violations) for rule in (DOUBLED, UNACCOUNTED)
    )
    yield f"ticks     {tally.ticks.total():,} expected: {fates}"
    yield f"          {doubled:,} doubled · {forgotten:,} unaccounted"
    yield f"runs      {tally.reruns:,} again after a loss · {tally.asked_for:,} asked for"
    yield f"failover  {_times(tally.failovers)}"
    yield f"stalls    {_times(tally.stalls)}"


def _counted(kinds: Counter[str]) -> str:
    return " · ".join(f"{count:,} {kind}" for kind, count in kinds.most_common()) or "none"


def _times(failovers: Sequence[float]) -> str:
    if not failovers:
        return "none"
    p50, p99 = percentile(failovers, 50), percentile(failovers, 99)
    return f"{len(failovers):,}: p50 {p50:.1f} s · p99 {p99:.1f} s · max {failovers[-1]:.1f} s"


def _verdict(violations: Sequence[Violation], command: str) -> Iterator[str]:
    if not violations:
        yield "no violation"
        return
    by_rule: dict[str, list[Violation]] = {}
    for violation in violations:
        by_rule.setdefault(violation.rule, []).append(violation)
    found = f"{_number(violations, 'violation')} of {_number(by_rule, 'rule')}"
    yield f"{found}; again: {command}"
    for rule, broken in by_rule.items():
        yield ""
        yield f"✗ {rule} ({len(broken):,})"
        for violation in broken[:SHOWN]:
            yield f"  {violation.what}"
            yield from _told(violation.evidence)
        if len(broken) > SHOWN:
            yield f"  and {len(broken) - SHOWN:,} more"


def _number(of: Collection[object], noun: str) -> str:
    return f"{len(of):,} {noun}{'' if len(of) == 1 else 's'}"


def _told(evidence: Iterable[Evidence]) -> Iterator[str]:
    for one in evidence:
        yield f"    {_in_words(one)}"


def _in_words(one: Evidence) -> str:
    if isinstance(one, Act):
        return f"{_clock(one.at)}  {one.event:5}  {one.run} of {one.job} on {one.node or '?'}"
    if isinstance(one, Fault):
        over = "never over" if one.ended is None else f"until {_clock(one.ended)}"
        return f"{_clock(one.began)}  fault  {one.kind} {one.target} {over}"
    value = "deleted" if one.value is None else one.value
    cut = value if len(value) <= MOST_OF_A_VALUE else f"{value[:MOST_OF_A_VALUE]}…"
    lease = f" lease {one.lease:x}" if one.lease else ""
    return f"{_clock(one.at)}  write  @{one.revision}{lease}  {one.key} = {cut}"


def _clock(at: float) -> str:
    """UTC, to the millisecond."""
    thousandths = round(at * 1000)
    return time.strftime("%H:%M:%S", time.gmtime(thousandths // 1000)) + f".{thousandths % 1000:03}"
