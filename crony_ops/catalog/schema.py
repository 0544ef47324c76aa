"""The JSON Schema of a job file, for editors and for checks in other languages.

Made from the models, and widened by what the loader takes beyond them: `auto`, an interpreter in
one line, defaults that complete a job, and numbers where a text is meant (``env: {PORT: 8080}``).
It accepts what the loader accepts in its usual spelling; the loader alone knows schedules, zones
and presets.
"""

from __future__ import annotations

import re
from typing import Any

from crony_ops.model.job import JOB_ID, Job

_DURATION = r"^(?=.)(\d+d)?(\d+h)?(\d+m)?(\d+s)?$|^\d+$"
# No number can be one of these, so an editor may say so.
_NEVER_A_NUMBER = ("schedule", "timezone", "workdir")


def job_file_schema() -> dict[str, Any]:
    """Draft 2020-12, the same for the same version of this program."""
    job = Job.model_json_schema(ref_template="#/$defs/{model}")
    definitions: dict[str, Any] = job.pop("$defs")
    properties: dict[str, Any] = job["properties"]
    never_numbers = {name: dict(properties[name]) for name in _NEVER_A_NUMBER}
    _widen(job)
    _widen(definitions)
    properties.update(never_numbers)
    properties["run_on"] = {
        "description": properties["run_on"]["description"],
        "default": "auto",
        "anyOf": [{"const": "auto"}, {"$ref": "#/$defs/RunOn"}],
    }
    properties["env"]["additionalProperties"] = False
    listed = properties["interpreter"]
    about = {"description": listed.pop("description"), "default": listed.pop("default")}
    properties["interpreter"] = {**about, "anyOf": [{"type": "string", "minLength": 1}, listed]}
    # Whether something is missing is known only when defaults and job are seen together.
    del job["required"]
    del definitions["HttpAction"]["required"]
    definitions["Job"] = job
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A job file of Crony Ops",
        "type": "object",
        "required": ["jobs"],
        "additionalProperties": False,
        "properties": {
            "defaults": {
                "description": "merged into each job of this file, mappings key by key",
                "anyOf": [{"$ref": "#/$defs/Job"}, {"type": "null"}],
            },
            "jobs": {
                "description": "each job under its id, which is unique over all files",
                "type": "object",
                "propertyNames": {"pattern": f"^{JOB_ID.pattern}$"},
                "additionalProperties": {"$ref": "#/$defs/Job"},
            },
        },
        "if": {"not": {"required": ["defaults"]}},
        "then": {"properties": {"jobs": {"additionalProperties": _COMPLETE}}},
        "$defs": definitions,
    }


_COMPLETE: dict[str, Any] = {
    "required": ["schedule"],
    "oneOf": [{"required": ["shell"]}, {"required": ["http"]}],
    "properties": {"http": {"required": ["url"]}},
}


def _widen(part: Any) -> None:
    """Let numbers stand where their text would do, and say how durations are written."""
    if isinstance(part, list):
        for item in part:
            _widen(item)
    if not isinstance(part, dict):
        return
    if part.get("anyOf") == [{"type": "integer"}, {"type": "string"}]:
        part["anyOf"] = [
            {"type": "integer", "minimum": 0},
            {"type": "string", "pattern": _DURATION},
        ]
        return
    part.pop("title", None)
    if part.get("type") == "string" and "enum" not in part:
        if "pattern" not in part:
            part["type"] = ["string", "number", "boolean"]
        elif re.match(part["pattern"], "7"):
            part["type"] = ["string", "integer"]
    for item in part.values():
        _widen(item)
