"""What git knows of the jobs folder."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from crony_ops.catalog import load_catalog, read_provenance

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")

JOB = 'jobs: {a: {schedule: "@daily", shell: "true"}}\n'


def git(root: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-c", "user.name=Ann", "-c", "user.email=ann@example.com", *arguments],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull},
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    (tmp_path / "fleet" / "jobs").mkdir(parents=True)
    (tmp_path / "fleet" / "jobs" / "a.yaml").write_text(JOB)
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    return tmp_path


def test_commit_author_and_root_are_known(repository: Path) -> None:
    provenance = read_provenance([repository / "fleet" / "jobs"])
    assert provenance.commit == git(repository, "rev-parse", "HEAD")
    assert provenance.author == "Ann <ann@example.com>"
    assert (provenance.dirty, provenance.root) == (False, repository)


def test_files_are_named_from_the_root_and_specs_carry_the_commit(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repository / "fleet")
    source = load_catalog(Path("jobs")).specs["a"].source
    assert source.file == "fleet/jobs/a.yaml"
    assert source.commit == git(repository, "rev-parse", "HEAD")


@pytest.mark.parametrize("changed", ["fleet/jobs/a.yaml", "fleet/jobs/new.yaml"])
def test_a_change_below_the_jobs_is_dirt(repository: Path, changed: str) -> None:
    (repository / changed).write_text(JOB + "# changed\n")
    assert read_provenance([repository / "fleet" / "jobs"]).dirty


def test_a_change_elsewhere_is_none_of_ours(repository: Path) -> None:
    (repository / "README.md").write_text("hello")
    assert not read_provenance([repository / "fleet" / "jobs"]).dirty


def test_a_repository_without_a_commit_is_all_dirt(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "a.yaml").write_text(JOB)
    provenance = read_provenance([tmp_path])
    assert (provenance.commit, provenance.author, provenance.dirty) == ("", "", True)


def test_without_git_files_are_still_named_from_the_root(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(repository))
    catalog = load_catalog(repository / "fleet" / "jobs")
    assert catalog.files == ("fleet/jobs/a.yaml",)
    assert (catalog.provenance.commit, catalog.provenance.dirty) == ("", False)


def test_without_a_repository_all_is_empty(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(JOB)
    provenance = read_provenance([tmp_path])
    assert (provenance.commit, provenance.author, provenance.dirty) == ("", "", False)
    assert provenance.root is None
