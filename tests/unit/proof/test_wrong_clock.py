"""A clock that can be wrong: for the one process that has it, and for as long as it is told."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from tests.faults.proof.clock import Clock, clock_of


def test_it_is_right_until_it_is_set_and_when_it_is_set_right(tmp_path: Path) -> None:
    clock = Clock(tmp_path / "clock")
    now = clock_of(clock.path)
    assert now() == pytest.approx(time.time(), abs=1)
    clock.set(3600)
    assert now() == pytest.approx(time.time() + 3600, abs=1)
    clock.set(-3600)
    assert now() == pytest.approx(time.time() - 3600, abs=1)
    clock.set(0)
    assert now() == pytest.approx(time.time(), abs=1)


def test_a_drift_grows(tmp_path: Path) -> None:
    clock = Clock(tmp_path / "clock")
    now = clock_of(clock.path)
    clock.set(0, drift=10.0)
    first = now() - time.time()
    while now() - time.time() < first + 1:
        time.sleep(0.01)
    assert now() - time.time() == pytest.approx(first + 1, abs=1)


def test_a_module_runs_by_it_and_what_it_starts_does_not(tmp_path: Path) -> None:
    (tmp_path / "tells.py").write_text(
        "import subprocess, sys, time\n"
        "print(int(time.time()), sys.argv[1], flush=True)\n"
        "subprocess.run(['date', '+%s'], check=True)\n"
    )
    clock = Clock(tmp_path / "clock")
    clock.set(3600)
    repository = str(Path(__file__).parents[3])
    told = subprocess.run(
        clock.command("tells", "word"),
        env={"PYTHONPATH": f"{repository}:{tmp_path}", "PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout.splitlines()
    at, word = told[0].split()
    assert word == "word"
    assert int(at) == pytest.approx(time.time() + 3600, abs=30)
    assert int(told[1]) == pytest.approx(time.time(), abs=30)
