"""What was measured, as people read it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.table import Table

from bench.row import GROWS_AT_MOST, Growth, Row

if TYPE_CHECKING:
    from rich.console import JustifyMethod

    from bench.results import Measured

WIDTH = 150


def line(result: Row | Growth) -> str:
    """In one line, for who waits."""
    if isinstance(result, Growth):
        return f"{result.work}: grows with the power of {result.exponent:.2f}"
    ours, floor = result.medians
    beside = "" if floor is None else f" beside {_figure(floor)} {result.unit}"
    return f"{result.work}: {_figure(ours)} {result.unit}{beside}{_verdict(result.holds, ', ')}"


def tables(measured: Sequence[Measured]) -> Iterator[str | Table]:
    """One of the figures, one of the growths, each after its title; neither is there if it had no
    line. Then how long it all took, and what went wrong."""
    results = [(one.name, result) for one in measured for result in one.results]
    if rows := [(name, result) for name, result in results if isinstance(result, Row)]:
        yield "\nmedians over the rounds; the ratios of all pairs in brackets"
        yield _figures(rows)
    if growths := [result for _, result in results if isinstance(result, Growth)]:
        yield (
            "\nseconds for so many jobs; the exponent of the power that fits them best, "
            "and that of the last step alone"
        )
        yield _growths(growths)
    yield f"\nmeasured in {sum(one.took for one in measured):.0f} s"
    for one in measured:
        if one.failure:
            yield f"{one.name} {one.failure}"


def _figures(rows: Sequence[tuple[str, Row]]) -> Table:
    table = _table(
        "benchmark", "work", ">rounds", ">ours", ">floor", "", ">ratio", "", "target", ""
    )
    told = ""
    for name, row in rows:
        ours, floor = row.medians
        ratios = row.ratios
        table.add_row(
            "" if name == told else name,
            row.work,
            str(len(row.ours)),
            _figure(ours),
            "" if floor is None else _figure(floor),
            row.unit,
            "" if floor is None else f"{ours / floor:.2f}",
            f"({ratios[0]:.2f} to {ratios[-1]:.2f})" if len(ratios) > 1 else "",
            row.target.words if row.target else "",
            _verdict(row.holds),
        )
        told = name
    return table


def _growths(growths: Sequence[Growth]) -> Table:
    sizes = sorted({size for growth in growths for size in growth.seconds})
    table = _table(
        "work", *(f">{size:,}" for size in sizes), ">exponent", "target", "", ">last step"
    )
    for growth in growths:
        medians = growth.medians
        table.add_row(
            growth.work,
            *(_figure(medians[size]) if size in medians else "" for size in sizes),
            f"{growth.exponent:.2f}",
            f"≤ {GROWS_AT_MOST}",
            _verdict(growth.holds),
            f"{growth.last_step:.2f}",
        )
    return table


def _table(*headers: str) -> Table:
    """A header that begins with `>` is one of figures, which stand to the right."""
    table = Table(box=None, pad_edge=False)
    for header in headers:
        justify: JustifyMethod = "right" if header.startswith(">") else "left"
        table.add_column(header.removeprefix(">"), justify=justify, no_wrap=True)
    return table


def _verdict(holds: bool | None, before: str = "") -> str:
    return "" if holds is not False else f"{before}missed"


def _figure(value: float) -> str:
    """Three digits that count."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 0.1 else f"{value:.4f}"
