"""Which preset scripts the jobs of a folder need."""

from __future__ import annotations

from pathlib import Path

from crony_ops.catalog import load_catalog
from crony_ops.catalog.presets import scripts_for
from crony_ops.local.folder import ClusterFolder

JOBS = """
jobs:
  one: {schedule: "@daily", shell: "true", presets: [b, a]}
  other: {schedule: "@daily", shell: "true", presets: [b]}
  none: {schedule: "@daily", shell: "true"}
"""


def test_a_local_cluster_offers_what_its_jobs_name_and_nothing_else(tmp_path: Path) -> None:
    jobs, presets = tmp_path / "jobs", tmp_path / "presets"
    for folder in (jobs, presets):
        folder.mkdir()
    (jobs / "all.yaml").write_text(JOBS)
    for name in ("a", "b", "installs-half-a-distribution"):
        (presets / f"{name}.sh").write_text("exit 0\n")
    scripts = scripts_for(load_catalog(jobs).specs.values(), presets)
    assert scripts == (presets / "a.sh", presets / "b.sh")

    cluster = ClusterFolder(tmp_path / "cluster")
    cluster.path.mkdir()
    for given in (scripts, scripts[:1]):
        offered = cluster.link_presets(given)
        assert sorted(path.name for path in offered.iterdir()) == [path.name for path in given]
        assert all(path.read_text() == "exit 0\n" for path in offered.iterdir())


def test_where_there_is_no_folder_there_are_no_scripts() -> None:
    assert scripts_for([], None) == ()
