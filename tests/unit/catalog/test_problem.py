"""How a problem is shown, whatever stands in the file."""

from __future__ import annotations

import pytest

from crony_ops.catalog.problem import Problem


@pytest.mark.parametrize(
    ("quoted", "shown"),
    [
        ("jobs\n\n  jobs", "jobs\\n\\n  jobs"),
        ("a\r\tb", "a\\r\\tb"),
        ("\x1b[2J", "\\x1b[2J"),
        ("shell\u200b\u202e\x85\u2028", "shell\\u200b\\u202e\\x85\\u2028"),
        ("Größe 🙂", "Größe 🙂"),
    ],
)
def test_what_can_not_be_seen_is_spelt_so_that_a_problem_is_one_line(
    quoted: str, shown: str
) -> None:
    problem = Problem("x.yaml", 1, 3, quoted, f"`{quoted}` is not known", f"write `{quoted}`")
    line = f"{shown}: `{shown}` is not known; write `{shown}`"
    assert problem.render() == f"x.yaml:1:3: {line}"
    assert problem.as_github() == f"::error file=x.yaml,line=1,col=3::{line}"


def test_a_file_name_that_is_no_text_is_shown_too() -> None:
    assert Problem("a\udcff\n.yaml", 1, 1, "", "no").render() == "a\\udcff\\n.yaml:1:1: no"


def test_the_caret_keeps_its_place_behind_what_can_not_be_seen() -> None:
    problem = Problem("x.yaml", 1, 5, "", "no", text="\ta\x1b\xa0b")
    assert problem.render(caret=True).split("\n")[1:] == ["     a\ufffd b", "        ^"]
