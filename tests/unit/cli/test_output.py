"""One way to print: for people, or one document for machines."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import yaml
from rich.console import Console
from rich.text import Text

from crony_ops.cli.past_runs.whole_log import LogPlace
from crony_ops.cli.terminal.output import (
    Output,
    brief,
    console,
    print_table,
    progress,
    show,
    span,
    table,
)
from tests.unit.cli.runs import under_way


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-3, "0 s"), (0.9, "0 s"), (59, "59 s"), (60, "1 m"), (8000, "2 h"), (172_800, "2 d")],
)
def test_a_span_is_told_in_its_largest_unit(seconds: float, words: str) -> None:
    assert span(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1.0, "0 ms"),
        (0.0214, "21 ms"),
        (1.0, "1.0 s"),
        (59.94, "59.9 s"),
        (200.0, "3 m 20 s"),
        (7_500.0, "2 h 5 m"),
    ],
)
def test_a_moment_counts_in_a_brief_duration(seconds: float, words: str) -> None:
    assert brief(seconds) == words


ROWS = [("a", Text("ok", "green"), 7), ("long name", "failing", 1_000), ("", "", 0)]


@pytest.mark.parametrize("width", [12, 80])
@pytest.mark.parametrize("rows", [ROWS, [("one\ntwo", "x", 1)], []])
def test_a_long_table_looks_as_rich_would_print_it(
    rows: list[tuple[object, ...]], width: int
) -> None:
    headers = ("NAME", "STATE", "COUNT")
    pages = []
    for of_rich in (True, False):
        out = io.StringIO()
        page = Console(file=out, width=width)
        if of_rich:
            page.print(table(*headers, rows=rows, right=("COUNT",)))
        else:
            print_table(page, headers, rows, right=("COUNT",))
        pages.append([line.rstrip() for line in out.getvalue().splitlines()])
    assert pages[0] == pages[1]


def test_a_long_table_keeps_its_colours() -> None:
    out = io.StringIO()
    page = Console(file=out, force_terminal=True, color_system="standard")
    print_table(page, ("STATE", "WHY"), [(Text("lost", "red"), "")])
    assert out.getvalue() == "\x1b[1mSTATE\x1b[0m  \x1b[1mWHY\x1b[0m\n\x1b[31mlost\x1b[0m\n"


def test_machines_get_the_document_and_people_the_text(
    capsys: pytest.CaptureFixture[str],
) -> None:
    document = {"zeta": ["→", None], "alpha": 1}
    for output, read in ((Output.json, json.loads), (Output.yaml, yaml.safe_load)):
        show(document, output, lambda _: pytest.fail("people were told"))
        written = capsys.readouterr().out
        assert read(written) == document
        assert "→" in written
        assert written.index("zeta") < written.index("alpha")
    show(document, Output.text, lambda to: to.print("hello"))
    assert capsys.readouterr().out == "hello\n"


def test_records_in_a_document_are_spelled_out(capsys: pytest.CaptureFixture[str]) -> None:
    """YAML knows neither enumerations nor tuples: it must get neither."""
    place = LogPlace("node-1", "runs/a.log", Path("/state/runs/a.log"))
    for output, read in ((Output.json, json.loads), (Output.yaml, yaml.safe_load)):
        show({"run": under_way(1_795_372_200), "log": place}, output, lambda _: None)
        written = read(capsys.readouterr().out)
        assert written["log"]["path"] == "/state/runs/a.log"
        assert (written["run"]["kind"], written["run"]["rerun"]) == ("tick", 0)


def test_what_goes_into_a_pipe_is_not_folded(capsys: pytest.CaptureFixture[str]) -> None:
    console().print(table("NAME", "JOBS", rows=[("x" * 300, 7)], right=["JOBS"]))
    heads, row = capsys.readouterr().out.splitlines()
    assert heads.split() == ["NAME", "JOBS"]
    assert row.split() == ["x" * 300, "7"]


def test_a_cell_keeps_its_colour() -> None:
    out = io.StringIO()
    made = table("STATE", rows=[(Text("lost", style="red"),)])
    Console(file=out, force_terminal=True, color_system="standard").print(made)
    assert "\x1b[31mlost" in out.getvalue()


def test_there_is_no_bar_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("jobs") as advance:
        advance(1, 2)
    assert capsys.readouterr().err == ""
