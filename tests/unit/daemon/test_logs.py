"""A log line: one event, what it is about, and nothing that could be taken for two."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crony_ops.daemon.logs import JsonLines, LogFormat, Text, about, begin, in_words
from crony_ops.errors import StoreRefused, StoreUnavailable

log = logging.getLogger("tests.logs")


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    yield stream
    log.removeHandler(handler)


def record(message: str, level: int = logging.INFO, **more: Any) -> logging.LogRecord:
    made = logging.LogRecord("crony_ops.x", level, __file__, 1, message, (), None, **more)
    made.created = 1_795_363_200.1239
    return made


def test_an_event_is_one_object_with_its_time_in_utc() -> None:
    assert json.loads(JsonLines().format(record("leading", logging.WARNING))) == {
        "time": "2026-11-22T16:00:00.123Z",
        "level": "warning",
        "logger": "crony_ops.x",
        "message": "leading",
    }


def test_on_a_terminal_an_event_is_read_as_it_stands() -> None:
    with about(node="web-1", job="backup", run="20261122T160000Z-s"):
        line = Text().format(record("spooled\nand more"))
    assert line == (
        "2026-11-22T16:00:00.123Z INFO    crony_ops.x: spooled\\nand more"
        " (job=backup run=20261122T160000Z-s)"
    )


@pytest.mark.parametrize(
    ("level", "priority"),
    [(logging.DEBUG, 7), (logging.INFO, 6), (logging.WARNING, 4), (logging.ERROR, 3)],
)
def test_the_journal_is_told_the_level_in_its_own_way(level: int, priority: int) -> None:
    line = JsonLines(priorities=True).format(record("x", level))
    assert line.startswith(f"<{priority}>" + "{")
    assert json.loads(line[3:])["message"] == "x"


@given(st.text(st.characters(codec=None, exclude_categories=()), max_size=40))
def test_whatever_is_logged_is_one_line_that_parses(message: str) -> None:
    line = JsonLines().format(record(message))
    assert len(line.splitlines()) == 1
    assert isinstance(json.loads(line.encode())["message"], str)


async def test_what_an_event_is_about_goes_into_the_tasks_begun_there_and_nowhere_else(
    lines: io.StringIO,
) -> None:
    async def later() -> None:
        await asyncio.sleep(0)
        log.info("in the task")
        with about(run="r"):
            log.info("deeper")

    with about(node="web-1"):
        with about(job="a", run=""):
            task = asyncio.create_task(later())
        log.info("outside")
        await task
    log.info("nothing")
    events = [json.loads(line) for line in lines.getvalue().splitlines()]
    known = [{k: e[k] for k in ("node", "job", "run") if k in e} for e in events]
    assert known == [
        {"node": "web-1"},
        {"node": "web-1", "job": "a"},
        {"node": "web-1", "job": "a", "run": "r"},
        {},
    ]


def test_an_exception_is_one_field(lines: io.StringIO) -> None:
    try:
        raise ValueError("no\nnumber")
    except ValueError:
        log.exception("can't go on")
    (line,) = lines.getvalue().splitlines()
    event = json.loads(line)
    assert event["message"] == "can't go on"
    assert event["exception"].startswith("Traceback")
    assert event["exception"].endswith("ValueError: no\nnumber")


def test_each_error_of_a_group_is_told_once() -> None:
    refused = StoreRefused(reason="no right")
    group = ExceptionGroup(
        "of tasks",
        [
            refused,
            ExceptionGroup("deeper", [StoreUnavailable(endpoints="e", reason="gone"), refused]),
            TimeoutError(),
        ],
    )
    assert in_words(group) == (
        "etcd refused: no right; etcd can't be reached at e: gone; TimeoutError"
    )
    assert in_words(refused) == "etcd refused: no right"


@pytest.fixture
def root_logger() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


@pytest.mark.usefixtures("root_logger")
def test_json_is_for_the_journal_alone_unless_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    with (tmp_path / "stderr").open("w+") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        monkeypatch.setenv("JOURNAL_STREAM", "1:2")  # of the service that began our starter, say
        assert begin(None, "INFO") is LogFormat.text
        assert begin(LogFormat.json, "INFO") is LogFormat.json
        stat = os.fstat(stream.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{stat.st_dev}:{stat.st_ino}")
        assert begin(None, "INFO") is LogFormat.json
        logging.getLogger("x").info("told")
        logging.getLogger("x").debug("not told")
        stream.seek(0)
        assert re.fullmatch(r'<6>\{"time".*"told"\}\n', stream.read())
