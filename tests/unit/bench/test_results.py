"""What a run of the benchmarks prints and leaves behind."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

from rich.console import Console

from bench import machine
from bench.results import Measured, write_results
from bench.row import Growth, Row, at_most, times
from bench.table import WIDTH, tables

if TYPE_CHECKING:
    from pathlib import Path

MEASURED = [
    Measured(
        "sync",
        (
            Row("first sync", (1.5, 1.6, 1.7), (1.0, 1.0, 0.8), times(1.5)),
            Row("memory", (512.0,), (), at_most(1_024, "MiB"), unit="MiB"),
            Row("writes", (9.0,), (), None, unit="1/s"),
        ),
        took=12.0,
        budget=60.0,
        failure="",
    ),
    Measured("growth", (Growth("sync", {10: (1.0,), 100: (20.0,)}),), 1.0, 2.0, "cut off"),
]


def test_each_figure_has_a_line_with_its_target_and_whether_it_is_missed() -> None:
    console = Console(file=io.StringIO(), width=WIDTH, record=True)
    console.print(*tables(MEASURED), sep="\n")
    said = [" ".join(line.split()) for line in console.export_text().splitlines()]
    assert "sync first sync 3 1.60 1.00 s 1.60 (1.50 to 2.12) ≤ 1.5 × missed" in said
    assert "memory 1 512 MiB ≤ 1024 MiB" in said
    assert "writes 1 9.00 1/s" in said
    assert "work 10 100 exponent target last step" in said
    assert "sync 1.00 20.0 1.30 ≤ 1.1 missed 1.30" in said
    assert said[-2:] == ["measured in 13 s", "growth cut off"]


def test_a_run_replaces_what_the_last_one_left(tmp_path: Path) -> None:
    folder = tmp_path / "results"
    folder.mkdir()
    (folder / "old.svg").touch()
    write_results(folder, machine.describe(), MEASURED, "a table   \n")
    found = {file.name: file.read_text() for file in folder.iterdir()}
    assert found.keys() == {"table.txt", "results.json", "targets.svg", "growth.svg"}
    assert found["table.txt"] == "a table\n"
    [sync, growth] = json.loads(found["results.json"])["benchmarks"]
    assert sync["rows"][0]["ours"] == [1.5, 1.6, 1.7]
    assert (sync["rows"][0]["limit"], sync["rows"][0]["holds"]) == (1.5, False)
    assert growth["failure"] == "cut off"


def test_the_same_figures_give_the_same_plots(tmp_path: Path) -> None:
    here = machine.describe()
    for name in ("one", "two"):
        write_results(tmp_path / name, here, MEASURED, "")
    for plot in ("targets.svg", "growth.svg"):
        one, two = ((tmp_path / name / plot).read_text() for name in ("one", "two"))
        assert "<svg" in one
        assert one == two
