"""The JSON Schema says what the loader takes, and the committed one is this program's."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from crony_ops.catalog.schema import job_file_schema

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent
VALIDATOR = Draft202012Validator(job_file_schema())


class AsEditorsRead(yaml.SafeLoader):
    """YAML 1.2's truth values, as an editor has them: `on` is a text."""


AsEditorsRead.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known if tag != "tag:yaml.org,2002:bool"]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
AsEditorsRead.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile("^(true|false)$"), list("tf")
)


def faults(text: str) -> list[str]:
    document: Any = yaml.load(text, Loader=AsEditorsRead)
    return [error.message for error in VALIDATOR.iter_errors(document)]


def test_the_committed_schema_is_this_one() -> None:
    """`crony-ops schema > docs/job.schema.json` mends it."""
    committed = json.loads((ROOT / "docs" / "job.schema.json").read_text())
    assert committed == job_file_schema()


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(job_file_schema())


@pytest.mark.parametrize("file", sorted((ROOT / "jobs").glob("*.yaml")), ids=lambda f: f.name)
def test_the_examples_are_valid(file: Path) -> None:
    assert faults(file.read_text()) == []


@pytest.mark.parametrize(
    "fields",
    [
        "run_on: auto",
        "run_on: {group: web, every: true}",
        "timeout: 90",
        "timeout: 1h30m",
        "timeout: ~",
        "env: {PORT: 8080, DEBUG: true, RATE: 0.5, NAME: x}",
        "notify: {on: [failure, lost], channels: [mail]}",
        "presets: [7zip]",
        "description: 2026",
    ],
)
def test_it_takes_what_the_loader_takes(fields: str) -> None:
    assert faults(f'jobs: {{a: {{schedule: "@daily", shell: x, {fields}}}}}') == []


@pytest.mark.parametrize(
    "text",
    [
        "jobs: {a: {shell: x}}",
        'jobs: {a: {schedule: "@daily"}}',
        'jobs: {a: {schedule: "@daily", shell: x, http: {url: "http://x"}}}',
        'jobs: {a: {schedule: "@daily", http: {}}}',
        'jobs: {a: {schedule: "@daily", shel: x, shell: x}}',
        'jobs: {A: {schedule: "@daily", shell: x}}',
        "jobs: {a: {schedule: 5, shell: x}}",
        'jobs: {a: {schedule: "@daily", shell: x, timeout: soon}}',
        'jobs: {a: {schedule: "@daily", shell: x, timeout: -1}}',
        'jobs: {a: {schedule: "@daily", shell: x, run_on: web}}',
        'jobs: {a: {schedule: "@daily", shell: x, env: {2A: x}}}',
        'jobs: {a: {schedule: "@daily", shell: x, concurrency: maybe}}',
        "job: {}",
        "defaults: {shedule: x}\njobs: {}",
        "jobs:",
    ],
)
def test_it_refuses_what_the_loader_refuses(text: str) -> None:
    assert faults(text) != []


def test_defaults_may_complete_a_job() -> None:
    assert (
        faults('defaults: {schedule: "@daily", http: {headers: {}}}\njobs: {a: {shell: x}}') == []
    )
