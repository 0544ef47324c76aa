"""How the command line starts, and how it ends when something is wrong."""

from __future__ import annotations

import sys
import types
from typing import Any

import pytest
import typer

from crony_ops.cli import main
from crony_ops.errors import BadConfig, StoreRefused


def _command(
    monkeypatch: pytest.MonkeyPatch, raised: BaseException | None = None, **also: Any
) -> None:
    """Make `schema` a command that raises."""

    def body() -> None:
        if raised:
            raise raised

    module = types.ModuleType("crony_ops.cli.schema")
    module.schema = also.get("attribute", body)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "crony_ops.cli.schema", module)


@pytest.mark.parametrize(
    ("raised", "status", "words"),
    [
        (None, 0, ""),
        (typer.Exit(3), 3, ""),
        (KeyboardInterrupt(), 130, ""),
        (StoreRefused(reason="no space"), 1, "crony-ops: etcd refused: no space\n"),
        (BadConfig(path="x.yaml", reason="no"), 2, "crony-ops: x.yaml: no\n"),
        (typer.BadParameter("no such thing"), 2, "crony-ops: Invalid value: no such thing\n"),
        (
            ExceptionGroup("", [ValueError("x"), ExceptionGroup("", [StoreRefused(reason="n")])]),
            1,
            "crony-ops: etcd refused: n\n",
        ),
        (
            KeyError("x"),
            1,
            "crony-ops: unexpected KeyError: 'x' (set CRONY_DEBUG=1 for the traceback)\n",
        ),
    ],
)
def test_every_end_is_a_status_and_at_most_one_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    raised: BaseException | None,
    status: int,
    words: str,
) -> None:
    _command(monkeypatch, raised)
    monkeypatch.delenv("CRONY_DEBUG", raising=False)
    assert main.run(["schema"]) == status
    assert capsys.readouterr().err == words


def test_a_traceback_is_there_for_whoever_asks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _command(monkeypatch, KeyError("x"))
    monkeypatch.setenv("CRONY_DEBUG", "1")
    assert main.run(["schema"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_a_mistyped_command_gets_the_nearest_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["plam"]) == 2
    assert capsys.readouterr().err == "crony-ops: No such command 'plam'. Did you mean 'plan'?\n"


def test_a_choice_that_is_none_is_told_with_those_that_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main.run(["jobs", "--state", "broken"]) == 2
    assert capsys.readouterr().err == (
        "crony-ops: Invalid value for '--state': 'broken' is not one of "
        "'ok', 'failing', 'paused', 'unassigned', 'running'.\n"
    )


def test_a_group_of_commands_is_one_entry(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    group = typer.Typer()

    @group.callback()
    def together() -> None:
        pass

    @group.command()
    def inner() -> None:
        typer.echo("inside")

    _command(monkeypatch, attribute=group)
    assert main.run(["schema", "inner"]) == 0
    assert capsys.readouterr().out == "inside\n"


@pytest.mark.parametrize("name", main.COMMANDS)
def test_every_command_loads_and_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run([name, "--help"]) == 0
    assert f"crony-ops {name}" in capsys.readouterr().out
