"""`python -m tests.faults.proof.soak`: does anything grow while nothing but the load goes on?

The exit status is 0 only if nothing does.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from crony_ops.errors import CronyError, first_cause
from tests.faults.proof.__main__ import say
from tests.faults.proof.nemesis.performance import in_time
from tests.faults.proof.soak.growth import Series, TooShort, judge
from tests.faults.proof.soak.load import even_load
from tests.faults.proof.soak.measuring import Measuring
from tests.faults.proof.soak.plot import plot
from tests.faults.proof.stage import staged

FOLDER = Path(".crony/soak")
WARM_UP = 1 / 3
"""Of the whole: in 30 minutes every job of each minute has as many runs on record as are kept."""
KEPT = "1m"
"""Of etcd's history: what it keeps has to be much less than what a soak makes."""
SHORTEST = 600.0
"""Seconds: etcd, which begins late with it, forgets by the end of the warm-up."""


def main() -> int:
    duration = _parser().parse_args().duration
    try:
        return tell(asyncio.run(soak(duration)), duration * WARM_UP)
    except* (CronyError, TooShort) as group:
        say(f"there is nothing to judge: {first_cause(group)}")
    return 1


async def soak(duration: float) -> list[Series]:
    """Raises LocalClusterFailed, StoreError."""
    async with staged(FOLDER, say, kept=KEPT) as stage, asyncio.TaskGroup() as group:
        await stage.place_jobs()
        say(f"{len(stage.people.wanted)} jobs are placed: {duration:g} s of an even load begin")
        measuring = Measuring(stage.cluster)
        task = group.create_task(measuring.run())
        await in_time(even_load(duration), stage.people.perform)
        task.cancel()
    return measuring.series


def tell(series: list[Series], warm_up: float) -> int:
    """The exit status. Raises TooShort."""
    courses = [judge(one, warm_up) for one in series]
    growing = [str(course) for course in courses if course.grows]
    verdict = "\n".join(growing or ["nothing grows"])
    say(f"measured; the first {warm_up:.0f} s don't count:\n\n{plot(courses)}\n\n{verdict}\n")
    return 1 if growing else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.proof.soak")
    parser.add_argument("--duration", type=_duration, default=1800.0, help="seconds of load")
    return parser


def _duration(text: str) -> float:
    seconds = float(text)
    if seconds < SHORTEST:
        raise argparse.ArgumentTypeError(f"it takes {SHORTEST:g} s to see anything")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
