"""`crony-ops validate` and `crony-ops schema`, as a shell and a pipeline see them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from crony_ops.catalog.schema import job_file_schema

GOOD = 'jobs: {a: {schedule: "@daily", shell: "true"}}\n'
BAD = 'jobs:\n  b:\n    schedule: "@daily"\n    shel: x, y\n'
WARNED = 'jobs: {a: {schedule: "* * * * * *", shell: "true"}}\n'
IMPORTED = """
import sys
from crony_ops.cli.main import run
run(["validate", "{path}"])
print([m for m in sys.modules if m.split(".")[0] in ("grpc", "etcd3")])
"""


def crony_ops(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "crony_ops.cli.main", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "good.yaml").write_text(GOOD)
    return tmp_path


def test_sound_jobs_end_with_0(folder: Path) -> None:
    done = crony_ops("validate", cwd=folder)
    assert (done.returncode, done.stdout) == (0, "1 job in 1 file, all well\n")


def test_warnings_end_with_0(folder: Path) -> None:
    (folder / "jobs" / "good.yaml").write_text(WARNED)
    done = crony_ops("validate", "jobs", cwd=folder)
    assert done.returncode == 0
    assert "jobs/good.yaml:1:22: warning: jobs.a.schedule: it fires every 1s" in done.stdout


def test_an_error_ends_with_2_and_no_caret_goes_into_a_pipe(folder: Path) -> None:
    (folder / "jobs" / "bad.yaml").write_text(BAD)
    done = crony_ops("validate", "jobs", cwd=folder)
    assert done.returncode == 2
    assert done.stdout.splitlines() == [
        "jobs/bad.yaml:2:3: jobs.b: a job has exactly one of `shell` and `http`",
        "jobs/bad.yaml:4:5: jobs.b.shel: there is no such field; did you mean `shell`?",
        "2 errors; 1 job in 2 files can be used",
    ]


def test_github_gets_annotations(folder: Path) -> None:
    (folder / "jobs" / "bad,1.yaml").write_text(BAD)
    done = crony_ops("validate", "jobs", "--format", "github", cwd=folder)
    assert done.returncode == 2
    assert done.stdout.splitlines()[1] == (
        "::error file=jobs/bad%2C1.yaml,line=4,col=5::"
        "jobs.b.shel: there is no such field; did you mean `shell`?"
    )


@pytest.mark.parametrize("output", ["json", "yaml"])
def test_machines_get_one_document(folder: Path, output: str) -> None:
    (folder / "jobs" / "bad.yaml").write_text(BAD)
    done = crony_ops("validate", "jobs", "--output", output, cwd=folder)
    document = json.loads(done.stdout) if output == "json" else yaml.safe_load(done.stdout)
    assert document["valid"] is False
    assert document["files"] == ["jobs/bad.yaml", "jobs/good.yaml"]
    assert document["problems"][1] == {
        "file": "jobs/bad.yaml",
        "line": 4,
        "column": 5,
        "field": "jobs.b.shel",
        "what": "there is no such field",
        "mend": "did you mean `shell`?",
        "level": "error",
    }


def test_a_missing_folder_is_one_line_and_2(folder: Path) -> None:
    done = crony_ops("validate", "nowhere", cwd=folder)
    assert done.returncode == 2
    assert "nowhere: there is no such file or folder" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_validate_never_loads_the_store(folder: Path) -> None:
    code = IMPORTED.format(path=folder / "jobs")
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=folder
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_schema_prints_the_schema(folder: Path) -> None:
    done = crony_ops("schema", cwd=folder)
    assert json.loads(done.stdout) == job_file_schema()
