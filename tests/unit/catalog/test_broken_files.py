"""Each file in broken/ says in its first lines what the loader must say of it, and where."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from crony_ops.catalog.job_file import read_job_file
from crony_ops.catalog.presets import read_preset_sums
from crony_ops.catalog.problem import Level, Problem
from crony_ops.catalog.timing import Intervals

HERE = Path(__file__).parent
BROKEN = sorted((HERE / "broken").glob("*.yaml"))
PRESET_SUMS = read_preset_sums(HERE / "presets")
INTERVALS = Intervals()
EXPECTED = re.compile(rb"^# expect (\d+):(\d+) (.+?) \| (.+)$", re.MULTILINE)


class Expected(NamedTuple):
    line: int
    column: int
    field: str
    phrase: str


def expectations(file: Path) -> list[Expected]:
    return [
        Expected(int(line), int(column), "" if field == b"-" else field.decode(), phrase.decode())
        for line, column, field, phrase in EXPECTED.findall(file.read_bytes())
    ]


def errors(file: Path) -> list[Problem]:
    found = read_job_file(file.name, file.read_bytes(), PRESET_SUMS, INTERVALS)
    return sorted(problem for problem in found.problems if problem.level is Level.error)


@pytest.mark.parametrize("file", BROKEN, ids=lambda file: file.stem)
def test_a_broken_file_is_told_its_every_error_at_its_place(file: Path) -> None:
    problems = errors(file)
    expected = expectations(file)

    assert expected
    assert [(p.line, p.column, p.field) for p in problems] == [e[:3] for e in expected]
    for problem, expectation in zip(problems, expected, strict=True):
        assert expectation.phrase in problem.message


def test_there_are_many_broken_files() -> None:
    assert len(BROKEN) >= 90


@pytest.mark.parametrize("file", BROKEN, ids=lambda file: file.stem)
def test_a_caret_stands_below_the_column(file: Path) -> None:
    for problem in errors(file):
        head, *excerpt = problem.render(caret=True).split("\n")
        assert f":{problem.line}:{problem.column}: " in head
        if excerpt:
            line, caret = excerpt
            assert len(line) >= len(caret) - 1
            assert caret.strip() == "^"
