"""How a command prints: for people to a terminal, or one stable document for machines.

Results go to stdout, and nothing else does: what is said on the way goes to stderr.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import contextmanager
from datetime import datetime, tzinfo
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

# Wide enough that what goes into a pipe or a log is never folded or cut.
_UNBOUNDED = 4096
_WORTH_A_BAR = 1.0
_SPANS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


class Output(StrEnum):
    text = "text"
    json = "json"
    yaml = "yaml"


OutputOption = Annotated[
    Output, typer.Option("--output", "-o", help="text for people, json or yaml for machines")
]


def console(*, stderr: bool = False) -> Console:
    """No colour and no folding unless it is a terminal; no guessing at what deserves a colour."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else _UNBOUNDED
    return Console(stderr=stderr, width=width, highlight=False, markup=False, emoji=False)


def json_data(document: object) -> Any:
    """``document`` as JSON has it: dataclasses and Records with every field spelled out."""
    from pydantic_core import to_jsonable_python

    return to_jsonable_python(document)


def show(document: object, output: Output, people: Callable[[Console], None]) -> None:
    """Print ``document`` as ``output`` says, or let ``people`` print it for people.

    Its type is the one that `crony_ops.cli.documents` lists: its schema is made from it.
    """
    if output is Output.json:
        sys.stdout.write(json.dumps(json_data(document), indent=2, ensure_ascii=False) + "\n")
    elif output is Output.yaml:
        import yaml

        yaml.safe_dump(
            json_data(document),
            sys.stdout,
            sort_keys=False,
            allow_unicode=True,
            default_flow_style=False,
        )
    else:
        people(console())


def say(words: str) -> None:
    """Something about the work that is under way, or about its input: to stderr."""
    console(stderr=True).print(words, soft_wrap=True)


@contextmanager
def progress(words: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr, if that is a terminal, for work that takes longer than a second.

    Gives the function to be told how much is done, and of how much.
    """
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    bar = Progress(
        words,
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console(stderr=True),
        transient=True,
    )
    task = bar.add_task(words)
    begun = time.monotonic()

    def advance(done: int, total: int) -> None:
        if time.monotonic() - begun > _WORTH_A_BAR:
            bar.start()
        bar.update(task, completed=done, total=total)

    try:
        yield advance
    finally:
        bar.stop()


def table(*headers: str, rows: Iterable[Iterable[Any]], right: Iterable[str] = ()) -> Table:
    """Columns without lines around them; those named in ``right`` are set flush right.

    A cell is a rich Text, or shown as its ``str``.
    """
    made = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    numeric = set(right)
    for header in headers:
        made.add_column(header, justify="right" if header in numeric else "left")
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else str(cell) for cell in row))
    return made


def print_table(
    console: Console,
    headers: Sequence[str],
    rows: Iterable[Sequence[Any]],
    right: Iterable[str] = (),
) -> None:
    """As ``table``, and the same to look at, but for a thousand rows at once: rich's own layout
    takes seconds for them. What is too wide for the terminal, or of several lines, is left to it.
    """
    numeric = set(right)
    lines = [[cell if isinstance(cell, Text) else str(cell) for cell in row] for row in rows]
    cells: list[list[str | Text]] = [[Text(header, "bold") for header in headers], *lines]
    sizes = [[cell_len(str(cell)) for cell in row] for row in cells]
    widths = [max(column) for column in zip(*sizes, strict=True)]
    folded = any("\n" in str(cell) for line in lines for cell in line)
    if folded or sum(widths) + 2 * (len(widths) - 1) > console.width:
        console.print(table(*headers, rows=lines, right=numeric))
        return
    sheet = Text()
    for row, of_row in zip(cells, sizes, strict=True):
        pieces: list[str | Text] = []
        for header, cell, size, width in zip(headers, row, of_row, widths, strict=True):
            room = " " * (width - size)
            pieces += [room, cell, "  "] if header in numeric else [cell, room, "  "]
        while pieces and not str(pieces[-1]).strip():
            pieces.pop()
        for piece in pieces:
            sheet.append(piece)
        sheet.append("\n")
    console.print(sheet, soft_wrap=True, end="")


def wall_time(at: float, zone: tzinfo | None = None) -> str:
    """Unix seconds, in a zone or that of this machine: ``2026-11-22 23:47:00 UTC``."""
    return f"{datetime.fromtimestamp(at, zone).astimezone(zone):%Y-%m-%d %H:%M:%S %Z}"


def span(seconds: float) -> str:
    """A duration in its largest unit, as a glance wants it: 8000 -> ``2 h``, 0.2 -> ``0 s``."""
    whole = max(0, int(seconds))
    unit, size = next((s for s in _SPANS if whole >= s[1]), _SPANS[-1])
    return f"{whole // size} {unit}"


def brief(seconds: float) -> str:
    """A duration that may be a moment: ``21 ms``, ``8.0 s``, ``3 m 20 s``, ``2 h 5 m``."""
    if seconds < 1:
        return f"{max(0, round(seconds * 1000))} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} m" if hours else f"{minutes} m {rest} s"
