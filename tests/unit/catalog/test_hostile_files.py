"""Whatever stands in a file: no traceback, no crash, and no waiting."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crony_ops.catalog.job_file import JobFile, read_job_file
from crony_ops.catalog.problem import Level
from crony_ops.catalog.timing import Intervals
from tests.effort import times

pytestmark = pytest.mark.fuzz

INTERVALS = Intervals()
# A file may have tens of thousands, all of a kind.
MOST_RENDERED = 50
WORDS = st.sampled_from(
    [
        *("jobs", "defaults", "a", "b", "schedule", "shell", "http", "url", "notify", "on", "env"),
        *("run_on", "auto", "retries", "count", "presets", "timezone", "UTC", "timeout", "<<"),
        *("'@daily'", '"* * * * *"', "5m", "~", "*a", "&a ", "!!str ", "!x ", "null", "true", "-1"),
        *("\n", "\n  ", "\n    ", ": ", ":", "- ", "? ", "{", "}", "[", "]", ", ", "|\n", ">", "#"),
        *("'", '"', "\t", "\r", "%", "@", "`", "---\n", "\x85", "\u2028", "\ufeff", "é", "\x00"),
    ]
)


def read(content: bytes) -> JobFile:
    found = read_job_file("x.yaml", content, {"p": "1"}, INTERVALS)
    for problem in found.problems[:MOST_RENDERED]:
        assert problem.line >= 1
        assert problem.column >= 1
        assert problem.render().isprintable()
        assert all(line.isprintable() for line in problem.render(caret=True).split("\n"))
        problem.as_github()
        problem.for_machines()
    return found


@given(st.binary(max_size=400))
def test_any_bytes_are_answered(content: bytes) -> None:
    read(content)


@given(st.lists(WORDS, max_size=60).map("".join))
@example("? jobs\n\n  jobs")  # a field whose name is two lines
@times(3)
def test_anything_like_yaml_is_answered(text: str) -> None:
    read(text.encode())


LEAVES = st.sampled_from(["''", "~", "1", "-1", "a", "'* * * * *'", "UTC", "[]", "{}", "*x", "5m"])
FIELDS = st.sampled_from(
    [
        *("schedule", "shell", "http", "notify", "env", "run_on", "retries", "presets", "timezone"),
        *("misfire", "success", "timeout", "url", "on", "count", "group", "<<", "description"),
    ]
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: "[" + ", ".join(items) + "]"),
        st.dictionaries(FIELDS, inner, max_size=4).map(
            lambda fields: "{" + ", ".join(f"{k}: {v}" for k, v in fields.items()) + "}"
        ),
    ),
    max_leaves=12,
)


@given(VALUES, VALUES, VALUES)
def test_any_shape_of_a_file_is_answered(anchored: str, defaults: str, job: str) -> None:
    anchor = anchored.replace("*x", "x")
    mark = "" if anchor == "~" else "&x "
    read(f"a: {mark}{anchor}\ndefaults: {defaults}\njobs: {{j: {job}, k: {defaults}}}".encode())


BOMB = "".join(f"x{i}: &x{i} [{', '.join([f'*x{i - 1}'] * 10)}]\n" for i in range(1, 20))
MERGE_BOMB = "".join(
    f"x{i}: &x{i} {{<<: [{', '.join([f'*x{i - 1}'] * 9)}]}}\n" for i in range(1, 20)
)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 1_000_000,
        "{a: " * 300_000,
        "- " * 500_000,
        "? " * 500_000,
        "\n".join(" " * i + "a:" for i in range(2_000)),
        "x0: &x0 [a]\n" + BOMB,
        "x0: &x0 {a: b}\n" + MERGE_BOMB,
        "a: &a [*a]\njobs: *a",
        "a: &a {b: *a}\njobs: *a",
        "jobs: &a\n  b:\n    <<: *a\n",
        "jobs: {" + "a: 1, " * 5_000 + "}",
        "jobs: {" + "".join(f"a{i}: 1, " for i in range(3_000)) * 2 + "}",
        "jobs: {a: {env: {" + "".join(f"A{i}: [], " for i in range(5_000)) + "}}}",
        "jobs: {a: {presets: [" + "q, " * 20_000 + "]}}",
        "jobs:\n" + "".join(f"  J{i}: {{shel: x}}\n" for i in range(500)),
        "defaults: {env: {"
        + "".join(f"A{i}: [], " for i in range(1_000))
        + "}}\njobs:\n"
        + "".join(f"  j{i}: {{shell: x}}\n" for i in range(20)),
        "jobs: {a: {schedule: '@daily', shell: x, retries: {count: " + "9" * 10_000 + "}}}",
        "jobs: {a: {schedule: '@every " + "9" * 10_000 + "s', shell: x}}",
        "jobs: {a: {schedule: '@daily', shell: x, timeout: " + "9" * 10_000 + "}}",
    ],
    ids=lambda text: text[:24],
)
def test_a_hostile_file_is_refused_in_bounded_time(text: str) -> None:
    started = time.monotonic()
    found = read(text.encode())
    assert [p for p in found.problems if p.level is Level.error]
    assert time.monotonic() - started < 5


def test_a_duration_without_end_is_told_in_words_for_its_author() -> None:
    for digits in ("9" * 5_000, "9" * 5_000 + "s"):
        found = read(f"jobs: {{a: {{schedule: '@daily', shell: x, timeout: {digits}}}}}".encode())
        (problem,) = found.problems
        assert "a duration is written as 90s" in problem.message
