"""How a daemon ends: by itself, by a failure that it can name, by a bug that it can't."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from crony_ops.daemon.entry import read_settings, run_daemon
from crony_ops.errors import BadConfig, NodeTaken, StoreRefused

TAKEN = NodeTaken(name="web-1", uuid="u", pid=1, ip="i")


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid")

    env: dict[str, str] = {}


@pytest.fixture(autouse=True)
def root_logger() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "node.yaml"
    path.write_text("{}")
    return path


async def well(_: Settings, __: asyncio.Event) -> None:
    pass


async def fails(_: Settings, __: asyncio.Event) -> None:
    raise ExceptionGroup("tasks", [TAKEN, StoreRefused(reason="no right"), TAKEN])


async def has_a_bug(_: Settings, __: asyncio.Event) -> None:
    raise ExceptionGroup("tasks", [TAKEN, ZeroDivisionError("by nought")])


async def is_a_bug(_: Settings, __: asyncio.Event) -> None:
    raise KeyError("gone")


def test_settings_are_checked_without_a_start(
    config: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--check", "--config", str(config)]
    assert run_daemon("crony-node", Settings, fails, arguments) == 0
    config.write_text("{evn: {}}")
    assert run_daemon("crony-node", Settings, fails, arguments) == 2
    assert "evn: Extra inputs are not permitted" in capfd.readouterr().err


def test_an_orderly_end_is_silent(config: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run_daemon("crony-node", Settings, well, ["--config", str(config)]) == 0
    assert capfd.readouterr().err == ""


def test_a_failure_is_one_line(config: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run_daemon("crony-node", Settings, fails, ["--config", str(config)]) == 1
    assert capfd.readouterr().err == f"crony-node: {TAKEN}; etcd refused: no right\n"


def test_a_failure_is_one_event_for_a_machine(
    config: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--config", str(config), "--log-format", "json"]
    assert run_daemon("crony-node", Settings, fails, arguments) == 1
    event = json.loads(capfd.readouterr().err)
    assert event["level"] == "critical"
    assert event["message"] == f"crony-node: {TAKEN}; etcd refused: no right"


@pytest.mark.parametrize(
    ("live", "said", "where"),
    [(has_a_bug, "by nought", "has_a_bug"), (is_a_bug, "'gone'", "is_a_bug")],
)
def test_a_bug_is_one_event_with_its_traceback(
    live: Callable[[Settings, asyncio.Event], Awaitable[None]],
    said: str,
    where: str,
    config: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    arguments = ["--config", str(config), "--log-format", "json"]
    assert run_daemon("crony-node", Settings, live, arguments) == 1
    event = json.loads(capfd.readouterr().err)
    assert event["level"] == "critical"
    assert said in event["message"]
    assert f"in {where}" in event["exception"]


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("env: {TOKEN: hunter2", "line 1, column"),
        ("env:\n  TOKEN: !hunter2 x", "line 2, column 10"),
        ("env:\n  TOKEN: *hunter2", "line 2, column 10"),
        ("env:\n  TOKEN: @hunter2", "line 2, column 10: found character '@'"),
        ("env: {TOKEN: [hunter2]}", "env.TOKEN: Input should be a valid string"),
        ("env: hunter2", "env: Input should be a valid dictionary"),
        ("env:\n  TOKEN: 2026-99-99  # hunter2", "can't be read"),
        ("password: hunter2", "password: Extra inputs are not permitted"),
        ("\x00hunter2", "no YAML"),
    ],
)
def test_a_file_that_is_wrong_is_not_quoted(tmp_path: Path, written: str, complaint: str) -> None:
    path = tmp_path / "node.yaml"
    path.write_text(written)
    with pytest.raises(BadConfig) as refused:
        read_settings(path, Settings)
    assert complaint in str(refused.value)
    assert "hunter2" not in str(refused.value)
