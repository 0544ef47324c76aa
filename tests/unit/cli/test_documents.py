"""What verbs print for machines has a schema, and the committed ones are this program's."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from crony_ops.cli import main
from crony_ops.cli.documents import DOCUMENTS, document_schema

OUTPUT = Path(__file__).parents[3] / "docs" / "output"
schema_of = functools.cache(document_schema)


def has_output(verb: str) -> bool:
    command: Any = main._Placeholder(verb, main.COMMANDS[verb]).load()  # noqa: SLF001
    each = [command, *getattr(command, "commands", {}).values()]
    return any("--output" in option.opts for one in each for option in one.params)


def test_every_verb_with_an_output_option_is_listed() -> None:
    assert set(DOCUMENTS) == {verb for verb in main.COMMANDS if has_output(verb)}


def test_every_committed_schema_is_of_a_verb_and_told_in_the_readme() -> None:
    readme = (OUTPUT / "README.md").read_text()
    assert {file.name for file in OUTPUT.glob("*.json")} == {f"{v}.schema.json" for v in DOCUMENTS}
    assert [verb for verb in DOCUMENTS if f"]({verb}.schema.json)" not in readme] == []


@pytest.mark.parametrize("verb", DOCUMENTS)
def test_the_committed_schema_is_this_one(verb: str) -> None:
    """`crony-ops schema VERB > docs/output/VERB.schema.json` mends it."""
    schema = schema_of(verb)
    Draft202012Validator.check_schema(schema)
    assert json.loads((OUTPUT / f"{verb}.schema.json").read_text()) == schema


@pytest.mark.parametrize("verb", DOCUMENTS)
def test_no_object_is_open_and_each_type_says_what_it_is(verb: str) -> None:
    forms = schema_of(verb)["$defs"]
    for name, part in forms.items():
        if "properties" in part:
            assert part["additionalProperties"] is False, name
            assert part["required"] == list(part["properties"]), name
    for path in DOCUMENTS[verb]:
        assert forms[path.rpartition(".")[2]]["description"]
