"""Two pictures of what was measured, drawn alike for the same figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

if TYPE_CHECKING:
    from bench.row import Growth, Row

mpl.rcParams.update({"svg.hashsalt": "crony-ops", "font.size": 9})
_OURS, _FLOOR = "tab:blue", "tab:gray"


def targets(rows: Sequence[Row], file: Path) -> None:
    """How much of what its target allows each piece of work uses: a dot for each round, left of the
    line where it is met. Writes nothing if no row has a target."""
    aimed = [row for row in rows if row.limit]
    if not aimed:
        return
    figure = Figure(figsize=(9, 0.8 + 0.3 * len(aimed)), layout="constrained")
    axes = figure.add_subplot()
    for height, row in enumerate(reversed(aimed)):
        limit = row.limit or 0.0
        axes.scatter([one / limit for one in row.ours], [height] * len(row.ours), 14, _OURS)
        _, floor = row.medians
        if floor:
            axes.scatter([floor / limit], [height], 60, _FLOOR, marker="|")
    axes.axvline(1, color="tab:red", linewidth=1)
    axes.set_ylim(-0.6, len(aimed) - 0.4)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:.0%}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("ours (dots) and the floor (bars), as parts of what the target allows")
    axes.set_yticks(range(len(aimed)), [row.work for row in reversed(aimed)])
    axes.grid(axis="y", alpha=0.3)
    _save(figure, file)


def growth(growths: Sequence[Growth], file: Path) -> None:
    """Both axes logarithmic, so that the slope is the exponent. Writes nothing for none."""
    if not growths:
        return
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot()
    for number, one in enumerate(growths):
        color, (exponent, unit) = f"C{number}", one.fit
        sizes = sorted(one.seconds)
        axes.plot(sizes, [unit * size**exponent for size in sizes], color=color, linewidth=1)
        axes.scatter(sizes, [one.medians[size] for size in sizes], 14, color)
        axes.plot([], [], ".-", color=color, label=f"{one.work}: {exponent:.2f}")
    axes.set(xscale="log", yscale="log", xlabel="jobs", ylabel="seconds")
    axes.legend(title="exponent of the fit")
    axes.grid(alpha=0.3)
    _save(figure, file)


def _save(figure: Figure, file: Path) -> None:
    figure.savefig(file, metadata={"Date": None})
