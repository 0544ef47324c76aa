"""The schemas in docs/output, and what a document has that its form does not allow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

OUTPUT = Path(__file__).parents[3] / "docs" / "output"


def faults(verb: str, form: str, document: Any) -> list[str]:
    """Against that one form, so that no other excuses it; ``form`` is the type's name."""
    committed = json.loads((OUTPUT / f"{verb}.schema.json").read_text())
    one_form = {"$ref": f"#/$defs/{form}", "$defs": committed["$defs"]}
    for validator in (Draft202012Validator(one_form), Draft202012Validator(committed)):
        found = [f"{e.json_path}: {e.message}" for e in validator.iter_errors(document)]
        if found:
            return found
    return []
