"""Which playbook is meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from crony_ops.fleet.rollout.playbooks import (
    NoPlaybooks,
    UnknownPlaybook,
    find_playbook,
    playbooks,
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "playbooks" / "library").mkdir(parents=True)
    (folder / "jobs" / "deeper").mkdir(parents=True)
    for name in ("site.yml", "nodes.yml", "README.md"):
        (folder / "playbooks" / name).touch()
    return folder


@pytest.mark.parametrize("below", ["", "jobs/deeper"])
def test_a_playbook_is_found_here_or_above(project: Path, below: str) -> None:
    assert find_playbook("site", project / below) == project / "playbooks" / "site.yml"
    assert list(playbooks(project / below)) == ["nodes", "site"]


def test_one_that_is_not_there_is_told_with_those_that_are(project: Path) -> None:
    with pytest.raises(UnknownPlaybook, match=r"no playbook 'sit' in .*; did you mean 'site'"):
        find_playbook("sit", project)
    with pytest.raises(UnknownPlaybook, match="there are nodes, site"):
        find_playbook("everything", project)
    with pytest.raises(UnknownPlaybook):
        find_playbook("../playbooks/site", project)


def test_no_folder_of_playbooks_at_all(project: Path) -> None:
    with pytest.raises(NoPlaybooks):
        find_playbook("site", project.parent)
    assert playbooks(project.parent) == {}
