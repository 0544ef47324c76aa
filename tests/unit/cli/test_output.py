"""One way to print: for people, or one document for machines."""

from __future__ import annotations

import io
import json

import pytest
import yaml
from rich.console import Console
from rich.text import Text

from crony_ops.cli.output import Output, console, progress, show, span, table


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-3, "0 s"), (0.9, "0 s"), (59, "59 s"), (60, "1 m"), (8000, "2 h"), (172_800, "2 d")],
)
def test_a_span_is_told_in_its_largest_unit(seconds: float, words: str) -> None:
    assert span(seconds) == words


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
