"""The jobs of this repository: sound, placeable in the demo cluster, and one use of each field."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from crony_ops.catalog import load_catalog
from crony_ops.catalog.job_file import read_job_file
from crony_ops.catalog.timing import Intervals
from crony_ops.catalog.yaml_tree import read_tree
from crony_ops.model.job import HttpAction, Job, Misfire, Retries, RunOn, Success
from crony_ops.model.notify import Notify

if TYPE_CHECKING:
    from pydantic import BaseModel

ROOT = Path(__file__).parents[3]
FILES = sorted((ROOT / "jobs").glob("*.yaml"))
NODES = {"node-1": {"web"}, "node-2": {"web"}, "node-3": {"db"}}
NESTED: dict[str, type[BaseModel]] = {
    "http": HttpAction,
    "run_on": RunOn,
    "retries": Retries,
    "misfire": Misfire,
    "success": Success,
    "notify": Notify,
}


def test_the_examples_are_without_error_and_without_warning() -> None:
    catalog = load_catalog(ROOT / "jobs")
    assert [p.render() for p in catalog.problems + catalog.warnings] == []
    assert len(catalog.files) >= 4


def test_every_field_of_the_format_is_used_somewhere() -> None:
    used: set[str] = set()
    for file in FILES:
        data: dict[str, Any] = read_tree(file.read_bytes()).data
        for job in [data.get("defaults", {}), *data["jobs"].values()]:
            for name, value in job.items():
                used.add(name)
                if name in NESTED and isinstance(value, dict):
                    used |= {f"{name}.{inner}" for inner in value}
    known = set(Job.model_fields)
    for name, model in NESTED.items():
        known |= {f"{name}.{inner}" for inner in model.model_fields}
    # These name files that a machine has only where somebody runs an authority of his own.
    assert known - used == {"http.ca_file", "http.client_cert", "http.client_key"}


def test_every_example_has_a_place_in_the_demo_cluster() -> None:
    for job_id, spec in load_catalog(ROOT / "jobs").specs.items():
        place = spec.job.run_on
        fitting = [
            name
            for name, groups in NODES.items()
            if place.node in (None, name) and (place.group is None or place.group in groups)
        ]
        assert fitting, job_id


def test_the_examples_name_their_schema() -> None:
    for file in FILES:
        first = file.read_text().split("\n", 1)[0]
        assert first == "# yaml-language-server: $schema=../docs/job.schema.json"


def test_the_jobs_of_the_reference_are_sound() -> None:
    """Every YAML example of docs/jobs.md that has `jobs` in it."""
    examples = (ROOT / "docs" / "jobs.md").read_text().split("```yaml\n")[1:]
    checked = 0
    for example in examples:
        text = example.partition("```")[0]
        if not isinstance(yaml.safe_load(text), dict) or "jobs" not in yaml.safe_load(text):
            continue
        found = read_job_file("jobs.md", text.encode(), {"pg-client": "1"}, Intervals())
        assert [p.render() for p in found.problems] == []
        checked += 1
    assert checked >= 3
