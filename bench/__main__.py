"""`python -m bench [NAME...]`: measure all, or those named; print tables, write results and plots.

A benchmark is an async generator of rows and growths (bench/row.py), each yielded when it is
measured. Its budget is what it takes on a quiet machine of two cores, in seconds; all budgets
together stay below twenty minutes. One that needs five times its budget is cut off there, and one
that fails is told of: what either had measured until then is kept, and the others go on.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
import traceback
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console

from bench import (
    big_fleet,
    due_at_once,
    failover,
    growth,
    lateness,
    machine,
    many_jobs,
    mass_move,
    start_up,
    sync,
    throughput,
)
from bench.results import RESULTS, Measured, write_results
from bench.table import WIDTH, line, tables
from crony_ops.errors import first_cause

if TYPE_CHECKING:
    from bench.row import Growth, Row

_PATIENCE = 5


@dataclass(frozen=True, slots=True)
class Benchmark:
    run: Callable[[], AsyncGenerator[Row | Growth, None]]
    budget: float


BENCHMARKS = {
    "start_up": Benchmark(start_up.run, budget=25),
    "sync": Benchmark(sync.run, budget=100),
    "growth": Benchmark(growth.run, budget=240),
    "throughput": Benchmark(throughput.run, budget=25),
    "due_at_once": Benchmark(due_at_once.run, budget=80),
    "lateness": Benchmark(lateness.run, budget=230),
    "failover": Benchmark(failover.run, budget=95),
    "mass_move": Benchmark(mass_move.run, budget=40),
    "many_jobs": Benchmark(many_jobs.run, budget=160),
    "big_fleet": Benchmark(big_fleet.run, budget=180),
}


async def _measure(name: str) -> Measured:
    benchmark, found, failure, began = BENCHMARKS[name], [], "", time.monotonic()
    sys.stderr.write(f"{name}: about {benchmark.budget:.0f} s\n")
    try:
        async with (
            asyncio.timeout(benchmark.budget * _PATIENCE),
            aclosing(benchmark.run()) as measured,
        ):
            async for result in measured:
                sys.stderr.write(f"  {line(result)}\n")
                found.append(result)
    except TimeoutError:
        failure = f"was cut off at {_PATIENCE} times its budget"
    except Exception as error:  # noqa: BLE001 - the others are measured all the same
        traceback.print_exception(error)
        failure = f"failed: {first_cause(error)!r}"
    took = time.monotonic() - began
    sys.stderr.write(f"{name}: {failure or 'done'}, {took:.0f} s\n")
    return Measured(name, tuple(found), took, benchmark.budget, failure)


async def _measure_all(names: list[str]) -> list[Measured]:
    return [await _measure(name) for name in names]


def main() -> int:
    """The exit status is 1 if a benchmark failed or was cut off. A missed target is a result."""
    names = sys.argv[1:] or list(BENCHMARKS)
    if unknown := set(names) - BENCHMARKS.keys():
        sys.stderr.write(f"no benchmark {', '.join(unknown)}: there are {', '.join(BENCHMARKS)}\n")
        return 2
    gc.set_threshold(100_000)  # as `crony-ops` has it
    here = machine.describe()
    measured = asyncio.run(_measure_all(names))
    with Console(width=WIDTH, highlight=False, markup=False, record=True) as console:
        console.print(here.words, *tables(measured), sep="\n")
    write_results(RESULTS, here, measured, console.export_text())
    sys.stderr.write(f"written to {RESULTS}\n")
    return 1 if any(one.failure for one in measured) else 0


if __name__ == "__main__":
    sys.exit(main())
