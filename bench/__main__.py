"""`python -m bench [NAME...]`: measure all, or those named, and print one table."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from bench import failover, start_up, sync, throughput

if TYPE_CHECKING:
    from bench.side_by_side import Row

BENCHMARKS: dict[str, Callable[[], AsyncIterator[Row]]] = {
    "start_up": start_up.run,
    "sync": sync.run,
    "throughput": throughput.run,
    "failover": failover.run,
}

_WIDTH = 120


async def _measure(names: Sequence[str]) -> list[Row]:
    rows = []
    for name in names:
        async for row in BENCHMARKS[name]():
            sys.stderr.write(f"{row.work}: done\n")
            rows.append(row)
    return rows


def _table(rows: Sequence[Row]) -> Table:
    table = Table(
        box=None, title="medians, in seconds; the ratios of all pairs in brackets", title_style=""
    )
    for header in ("work", "ours", "floor", "ratio", "", "target", ""):
        right = header in ("ours", "floor", "ratio")
        table.add_column(header, justify="right" if right else "left", no_wrap=True)
    for row in rows:
        ours, floor = row.medians
        low, *_, high = row.ratios
        table.add_row(
            row.work,
            f"{ours:.2f}",
            f"{floor:.2f}",
            f"{ours / floor:.2f}",
            f"({low:.2f} to {high:.2f})",
            row.target,
            "" if row.holds else "missed",
        )
    return table


def main() -> int:
    names = sys.argv[1:] or list(BENCHMARKS)
    if unknown := set(names) - BENCHMARKS.keys():
        sys.stderr.write(f"no benchmark {', '.join(unknown)}: there are {', '.join(BENCHMARKS)}\n")
        return 2
    gc.set_threshold(100_000)  # as `crony-ops` has it
    rows = asyncio.run(_measure(names))
    Console(width=_WIDTH, highlight=False, markup=False).print(_table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
