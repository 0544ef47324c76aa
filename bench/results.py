"""What a run leaves in `bench/results/`: `table.txt` as it was printed, `results.json` with the
figure of each round, `targets.svg` and `growth.svg`. Each run replaces what the last one left."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.row import Growth, Row

if TYPE_CHECKING:
    from bench.machine import Machine

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Measured:
    """A benchmark that was made. ``took`` and ``budget`` are seconds; ``failure`` is empty unless
    it failed or was cut off."""

    name: str
    results: tuple[Row | Growth, ...]
    took: float
    budget: float
    failure: str


def write_results(folder: Path, machine: Machine, measured: Sequence[Measured], table: str) -> None:
    """``folder`` is made anew."""
    # Only now: in every measurement before, the collector would have had its objects to look at.
    from bench import plots

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "table.txt").write_text("".join(f"{line.rstrip()}\n" for line in table.splitlines()))
    document = {"machine": asdict(machine), "benchmarks": [_benchmark(one) for one in measured]}
    (folder / "results.json").write_text(json.dumps(document, indent=1, ensure_ascii=False))
    results = [result for one in measured for result in one.results]
    plots.targets([row for row in results if isinstance(row, Row)], folder / "targets.svg")
    plots.growth([one for one in results if isinstance(one, Growth)], folder / "growth.svg")


def _benchmark(measured: Measured) -> dict[str, Any]:
    return {
        "name": measured.name,
        "took": measured.took,
        "budget": measured.budget,
        "failure": measured.failure,
        "rows": [_row(one) for one in measured.results if isinstance(one, Row)],
        "growths": [_growth(one) for one in measured.results if isinstance(one, Growth)],
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "work": row.work,
        "unit": row.unit,
        "ours": row.ours,
        "floor": row.floor,
        "medians": row.medians,
        "ratios": row.ratios,
        "target": row.target and row.target.words,
        "limit": row.limit,
        "holds": row.holds,
    }


def _growth(growth: Growth) -> dict[str, Any]:
    return {
        "work": growth.work,
        "seconds": growth.seconds,
        "exponent": growth.exponent,
        "holds": growth.holds,
    }
