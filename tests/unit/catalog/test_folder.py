"""Which files make up a catalog, and what holds over all of them."""

from __future__ import annotations

import hashlib
import os
import time
from typing import TYPE_CHECKING

import pytest

from crony_ops.catalog import Catalog, load_catalog
from crony_ops.errors import InvalidInput

if TYPE_CHECKING:
    from pathlib import Path

JOB = '{schedule: "@daily", shell: "true"}'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    made = tmp_path / "jobs"
    made.mkdir()
    return made


def write(folder: Path, name: str, *ids: str) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("jobs:\n" + "".join(f"  {job_id}: {JOB}\n" for job_id in ids))
    return file


def told(catalog: Catalog) -> list[str]:
    return [problem.render() for problem in catalog.problems]


def test_specs_are_sorted_and_know_where_they_are_written(folder: Path) -> None:
    write(folder, "b.yml", "b", "a")
    write(folder, "deep/er/c.yaml", "c")

    catalog = load_catalog(folder)

    assert list(catalog.specs) == ["a", "b", "c"]
    assert catalog.files == ("jobs/b.yml", "jobs/deep/er/c.yaml")
    assert catalog.specs["a"].source.file == "jobs/b.yml"
    assert catalog.specs["a"].source.line == 3
    assert told(catalog) == []


def test_a_job_in_two_files_names_both_places(folder: Path) -> None:
    write(folder, "a.yaml", "one", "backup")
    write(folder, "b.yaml", "backup")
    write(folder, "c.yaml", "backup")

    taken = "the id `backup` is taken already, at jobs/a.yaml:3:3"
    assert told(load_catalog(folder)) == [
        f"jobs/{name}.yaml:2:3: jobs.backup: {taken}; give one of the two another id"
        for name in ("b", "c")
    ]


def test_a_file_copied_whole_is_told_without_delay(folder: Path) -> None:
    ids = [f"job-{number}" for number in range(1_000)]
    write(folder, "a.yaml", *ids)
    write(folder, "b.yaml", *ids)
    started = time.monotonic()
    assert len(load_catalog(folder).problems) == 1_000
    assert time.monotonic() - started < 5


def test_a_duplicate_is_found_although_the_first_is_broken(folder: Path) -> None:
    (folder / "a.yaml").write_text("jobs: {a: {shell: x}}")
    write(folder, "b.yaml", "a")
    assert [p.file for p in load_catalog(folder).problems] == ["jobs/a.yaml", "jobs/b.yaml"]


def test_the_errors_of_all_files_are_told_at_once(folder: Path) -> None:
    for name in ("a", "b", "c"):
        (folder / f"{name}.yaml").write_text("jobs: [")
    write(folder, "d.yaml", "d")
    catalog = load_catalog(folder)
    assert [p.file for p in catalog.problems] == [f"jobs/{n}.yaml" for n in "abc"]
    assert list(catalog.specs) == ["d"]


def test_hidden_and_other_files_are_left_out(folder: Path) -> None:
    write(folder, "a.yaml", "a")
    write(folder, ".hidden.yaml", "a")
    write(folder, ".hidden/x.yaml", "a")
    (folder / "README.md").write_text("# jobs")
    (folder / "a.yaml~").write_text("jobs: [")
    assert load_catalog(folder).files == ("jobs/a.yaml",)


def test_links_in_a_circle_end(folder: Path) -> None:
    write(folder, "deep/a.yaml", "a")
    (folder / "deep" / "up").symlink_to(folder, target_is_directory=True)
    (folder / "self").symlink_to(".", target_is_directory=True)
    (folder / "again.yaml").symlink_to("deep/a.yaml")
    catalog = load_catalog(folder)
    assert (list(catalog.specs), told(catalog)) == (["a"], [])


def test_a_link_to_nothing_is_told(folder: Path) -> None:
    write(folder, "a.yaml", "a")
    (folder / "b.yaml").symlink_to("gone.yaml")
    (told_of,) = told(load_catalog(folder))
    assert told_of.startswith("jobs/b.yaml:1:1: the file can't be read")


def test_a_pipe_is_not_waited_for(folder: Path) -> None:
    write(folder, "a.yaml", "a")
    os.mkfifo(folder / "b.yaml")
    (told_of,) = told(load_catalog(folder))
    assert "it is no regular file" in told_of


def test_a_missing_path_is_refused(folder: Path) -> None:
    with pytest.raises(InvalidInput, match="there is no such file or folder"):
        load_catalog(folder / "nowhere")


def test_an_empty_folder_is_refused_lest_every_job_be_removed(folder: Path) -> None:
    with pytest.raises(InvalidInput, match="there is no job file"):
        load_catalog(folder)


def test_a_file_that_says_so_empties_the_catalog(folder: Path) -> None:
    (folder / "none.yaml").write_text("jobs: {}")
    catalog = load_catalog(folder)
    assert (catalog.specs, catalog.problems) == ({}, [])


def test_several_paths_are_one_catalog_and_no_file_counts_twice(folder: Path) -> None:
    a = write(folder, "a.yaml", "a")
    write(folder, "more/b.yaml", "b")
    catalog = load_catalog([a, folder / "more", folder])
    assert catalog.files == ("jobs/a.yaml", "jobs/more/b.yaml")
    assert told(catalog) == []


def test_progress_is_told_file_by_file(folder: Path) -> None:
    for name in ("a", "b", "c"):
        write(folder, f"{name}.yaml", name)
    seen: list[tuple[int, int]] = []
    load_catalog(folder, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize(
    "place", ["jobs/presets", "presets", "roles/crony_node/files/presets", "elsewhere"]
)
def test_presets_are_found_in_and_beside_the_jobs(folder: Path, place: str) -> None:
    script = folder.parent / place / "pg.sh"
    script.parent.mkdir(parents=True)
    script.write_bytes(b"exit 0\n")
    (folder / "a.yaml").write_text(
        'jobs: {a: {schedule: "@daily", shell: x, presets: [pg]}, b: ' + JOB + "}"
    )

    given = script.parent if place == "elsewhere" else None
    catalog = load_catalog(folder, presets=given)

    assert told(catalog) == []
    total = hashlib.sha256(b"exit 0\n").hexdigest()
    assert catalog.specs["a"].preset_sums == {"pg": total}
    assert catalog.specs["b"].preset_sums == {}


def test_an_edited_preset_changes_the_specs_that_name_it(folder: Path) -> None:
    script = folder / "presets" / "pg.sh"
    script.parent.mkdir()
    script.write_text("exit 0\n")
    (folder / "a.yaml").write_text(
        'jobs: {a: {schedule: "@daily", shell: x, presets: [pg]}, b: ' + JOB + "}"
    )
    before = load_catalog(folder).specs
    script.write_text("exit 1\n")
    after = load_catalog(folder).specs
    assert before["a"].sha256 != after["a"].sha256
    assert before["b"].sha256 == after["b"].sha256


def test_a_preset_without_any_folder_of_presets_is_told(folder: Path) -> None:
    (folder / "a.yaml").write_text('jobs: {a: {schedule: "@daily", shell: x, presets: [pg]}}')
    (problem,) = load_catalog(folder).problems
    assert "no folder of presets" in problem.message


def test_the_spelling_of_a_job_does_not_change_its_sum(folder: Path) -> None:
    (folder / "a.yaml").write_text('jobs: {a: {schedule: "@daily", shell: x, timeout: 60}}')
    one = load_catalog(folder).specs["a"].sha256
    (folder / "a.yaml").write_text(
        "defaults:\n  timeout: 1m\n\njobs:\n  a:\n    shell: 'x'\n    schedule: '@daily'\n"
    )
    assert load_catalog(folder).specs["a"].sha256 == one
