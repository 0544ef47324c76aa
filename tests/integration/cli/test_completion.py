"""What the shell offers while a command line is being typed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from crony_ops.store import EtcdSettings
    from tests.etcd_server import EtcdServer

CRONY_OPS = (sys.executable, "-m", "crony_ops.cli.main")


def run(*command: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: v for name, v in os.environ.items() if not name.startswith("CRONY_")}
    return subprocess.run(
        command,
        env={**clean, "HOME": str(folder), **environment},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def offered(folder: Path, line: str, **environment: str) -> list[str]:
    """By bash's protocol, for the last word of ``line``."""
    done = run(
        *CRONY_OPS,
        folder=folder,
        _CRONY_OPS_COMPLETE="complete_bash",
        COMP_WORDS=line,
        COMP_CWORD=str(line.count(" ")),
        **environment,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def reaching(settings: EtcdSettings) -> dict[str, str]:
    return {
        "CRONY_ETCD_ENDPOINTS": ",".join(settings.endpoints),
        "CRONY_ETCD_PREFIX": settings.prefix,
    }


def test_verbs_and_their_options_are_offered(tmp_path: Path) -> None:
    assert offered(tmp_path, "crony-ops h") == ["history"]
    assert offered(tmp_path, "crony-ops logs --fo") == ["--follow"]
    assert offered(tmp_path, "crony-ops jobs --state p") == ["paused"]


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("crony-ops history re", ["report", "resting"]),
        ("crony-ops pause report res", ["resting"]),
        ("crony-ops run report --on web", ["web-1", "web-2"]),
        ("crony-ops cordon d", ["db-1"]),
        ("crony-ops jobs --node w", ["web-1", "web-2"]),
        ("crony-ops history nothing", []),
    ],
)
def test_jobs_and_nodes_are_those_that_etcd_knows(
    store_settings: EtcdSettings, tmp_path: Path, line: str, names: list[str]
) -> None:
    assert offered(tmp_path, line, **reaching(store_settings)) == names


@pytest.mark.usefixtures("fleet")
def test_a_flag_that_is_typed_already_says_where_etcd_is(
    store_settings: EtcdSettings, tmp_path: Path
) -> None:
    where = f"--endpoints {store_settings.endpoints[0]} --prefix {store_settings.prefix}"
    assert offered(tmp_path, f"crony-ops history {where} db") == ["db-backup"]


def test_without_an_etcd_nothing_is_offered_and_nothing_said(tmp_path: Path) -> None:
    assert offered(tmp_path, "crony-ops history re", CRONY_ETCD_ENDPOINTS="127.0.0.1:1") == []
    assert offered(tmp_path, "crony-ops history re", CRONY_CONFIG="/nowhere.yaml") == []


def test_an_etcd_that_is_silent_is_not_waited_for(etcd_server: EtcdServer, tmp_path: Path) -> None:
    began = time.monotonic()
    offered(tmp_path, "crony-ops history re", CRONY_ETCD_ENDPOINTS="127.0.0.1:1")
    start_up = time.monotonic() - began
    etcd_server.freeze()
    began = time.monotonic()
    found = offered(tmp_path, "crony-ops history re", CRONY_ETCD_ENDPOINTS=etcd_server.endpoint)
    etcd_server.thaw()
    assert found == []
    assert time.monotonic() - began < start_up + 2


@pytest.mark.parametrize(
    ("shell", "words"),
    [("zsh", '"history":"List a job'), ("fish", "history\tList a job")],
)
def test_other_shells_get_the_summaries_too(tmp_path: Path, shell: str, words: str) -> None:
    asked = {
        "_CRONY_OPS_COMPLETE": f"complete_{shell}",
        "_TYPER_COMPLETE_ARGS": "crony-ops hi",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    done = run(*CRONY_OPS, folder=tmp_path, **asked)
    assert (done.returncode, done.stderr) == (0, "")
    assert words in done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_has_a_script(tmp_path: Path, shell: str) -> None:
    # As if that shell had started it: which one did is nobody's to choose in a test.
    chosen = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    done = run(*CRONY_OPS, "--show-completion", shell, folder=tmp_path, **chosen)
    assert done.returncode == 0
    assert f"_CRONY_OPS_COMPLETE=complete_{shell}" in done.stdout


def test_bash_completes_with_what_is_installed(tmp_path: Path) -> None:
    chosen = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    done = run(*CRONY_OPS, "--install-completion", "bash", folder=tmp_path, **chosen)
    assert done.returncode == 0, done.stderr
    program = tmp_path / "crony-ops"
    program.write_text(f'#!/bin/sh\nexec {" ".join(CRONY_OPS)} "$@"\n')
    program.chmod(0o755)
    script = (
        f". {tmp_path}/.bash_completions/crony-ops.sh;"
        f"COMP_WORDS=(crony-ops hi); COMP_CWORD=1; _crony_ops_completion {program};"
        'echo "${COMPREPLY[@]}"'
    )
    completed = run("bash", "-c", script, folder=tmp_path)
    assert completed.stdout == "history\n", completed
