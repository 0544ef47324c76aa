"""Each promise in docs/guarantees.md names the tests that hold it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
_GUARANTEES = (REPOSITORY / "docs/guarantees.md").read_text("utf-8")
_TESTS = sorted(set(re.findall(r"`(tests/[\w/.]+)(?:::(\w+))?`", _GUARANTEES)))
_RULES = sorted(set(re.findall(r"`(checker/\w+\.py)`", _GUARANTEES)))


@pytest.mark.parametrize(("path", "name"), _TESTS)
def test_what_a_promise_is_held_by_is_there(path: str, name: str) -> None:
    held_by = REPOSITORY / path
    assert held_by.exists()
    assert not name or f"def {name}(" in held_by.read_text("utf-8")


@pytest.mark.parametrize("path", _RULES)
def test_the_rules_that_hold_a_promise_are_there(path: str) -> None:
    assert (REPOSITORY / "tests/faults/proof" / path).is_file()
