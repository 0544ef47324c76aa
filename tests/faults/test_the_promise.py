"""The promise, held under faults for a minute: the short version of `make faults`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from crony_ops.local.etcd import etcd_on_path
from tests.faults.proof.checker import check
from tests.faults.proof.checker.tally import tally
from tests.faults.proof.report import report
from tests.faults.proof.trial import Trial

SECONDS = 60.0
MANY_FAULTS, MANY_TICKS = 20, 2000
"""Fewer, and the run has shown little: also a slow machine gets so far."""


def say(words: str) -> None:
    sys.stdout.write(f"{words}\n")


@pytest.mark.skipif(etcd_on_path() is None, reason="the wheel's etcd breaks under these faults")
@pytest.mark.timeout(420)
@pytest.mark.parametrize("seed", [7])
async def test_no_promise_is_broken_under_a_minute_of_faults(tmp_path: Path, seed: int) -> None:
    history = await Trial(tmp_path / "proof", seed, SECONDS, say).run()
    figures, violations = tally(history), check(history)
    say(report(figures, violations, history.setup.command))
    assert not violations, f"{len(violations)} violations: the report is in the output above"
    assert figures.faults.total() >= MANY_FAULTS
    assert figures.ticks.total() >= MANY_TICKS
