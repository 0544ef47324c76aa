"""The edits that take the guards out: each finds its text in the source of today, and what it
leaves is a module."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from tests.faults.proof.checker import check
from tests.faults.proof.checker.violation import Violation
from tests.faults.proof.guards.__main__ import REPOSITORY
from tests.faults.proof.guards.catalog import GUARDS
from tests.faults.proof.guards.guard import Edit, Guard, GuardNotFound
from tests.faults.proof.guards.sighting import Sighting, sightings
from tests.faults.proof.history import Kind
from tests.unit.proof import sound


@pytest.mark.parametrize("guard", GUARDS.values(), ids=GUARDS)
def test_what_a_guard_leaves_behind_imports(
    guard: Guard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = guard.without(REPOSITORY)
    assert {edit.path for edit in guard.edits} == left.keys()
    for path, source in left.items():
        assert source != (REPOSITORY / path).read_text()
        at = tmp_path / Path(path).name
        at.write_text(source)
        spec = spec_from_file_location(f"without_{at.stem}", at)
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        monkeypatch.setitem(sys.modules, spec.name, module)
        spec.loader.exec_module(module)


@pytest.mark.parametrize("source", ["", "if safe: go()\n", "if sure:\nif sure:\n"])
def test_a_guard_that_is_not_there_just_once_is_not_taken_out(source: str) -> None:
    with pytest.raises(GuardNotFound, match=r"gate\.py has \d times, not once:\nif sure:"):
        Edit("gate.py", "if sure:\n").applied(source)


def test_a_copy_is_the_source_without_the_guard(tmp_path: Path) -> None:
    tree, copy = tmp_path / "tree", tmp_path / "copy"
    for path, source in {"crony_ops/gate.py": "if sure:\n    go()\n", "tests/a.py": "a\n"}.items():
        (tree / path).parent.mkdir(parents=True)
        (tree / path).write_text(source)
    (copy / "crony_ops").mkdir(parents=True)
    (copy / "crony_ops/old.py").touch()
    edits = (
        Edit("crony_ops/gate.py", "if sure:\n", "if True:\n"),
        Edit("crony_ops/gate.py", "go()", "run()"),
    )
    Guard("gate", "", (), edits).take_out(tree, copy)
    assert (copy / "crony_ops/gate.py").read_text() == "if True:\n    run()\n"
    assert (copy / "tests/a.py").read_text() == "a\n"
    assert not (copy / "crony_ops/old.py").exists()
    assert (tree / "crony_ops/gate.py").read_text() == "if sure:\n    go()\n"


def test_a_rule_has_seen_it_when_the_evidence_of_its_first_violation_was_complete() -> None:
    story = sound.quiet(2)
    began = story.history().setup.began
    story.fault(Kind.kill, "node-1", lasts=1)
    story.wait(2)
    story.fault(Kind.freeze, "node-1", lasts=1)
    history = story.history()
    first, second = history.faults
    found = [
        Violation("late", "it is so in the end"),
        Violation("early", "seen again", (first, second)),
        Violation("early", "seen", (history.writes[0], first)),
    ]
    assert sightings(history, found) == [
        Sighting("early", 2, 1, (first.ended or 0) - began),
        Sighting("late", 1, 2, history.end.at - began),
    ]


def test_where_nothing_is_wrong_nothing_is_seen() -> None:
    history = sound.quiet().history()
    assert sightings(history, check(history)) == []
