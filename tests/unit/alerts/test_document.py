"""What webhooks get is what the published schema says, and stays so."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crony_ops.alerts.document import document_of, document_schema, written
from crony_ops.alerts.legible import prepared, shortened
from crony_ops.alerts.templates import json_templates, rendered
from crony_ops.alerts.words import WORDS
from tests.alert_messages import HOSTILE, a_message, hostile_message

if TYPE_CHECKING:
    from crony_ops.alerts.message import Language

SCHEMA = Path(__file__).parents[3] / "docs" / "alert.schema.json"
ANY_TEXT = st.text(st.characters(exclude_categories=()))


def body(template: str, text: str, language: Language = "en") -> Any:
    words = WORDS[language]
    values = {
        **document_of(prepared(hostile_message(text)), "UTC"),
        "words": words,
        "shortened": functools.partial(shortened, words=words),
    }
    return json.loads(rendered(json_templates(None), template, values))


def test_the_schema_in_docs_is_the_programs() -> None:
    assert json.loads(SCHEMA.read_text()) == document_schema()


@given(ANY_TEXT)
def test_any_message_fits_the_schema(text: str) -> None:
    document = document_of(prepared(hostile_message(text)), "Asia/Shanghai")
    jsonschema.validate(json.loads(written(document)), document_schema())


def test_a_document_has_all_but_mail_addresses() -> None:
    document = document_of(a_message(to=("dba@example.com",)), "Asia/Shanghai")
    assert document["version"] == 1
    assert document["time"] == "2026-11-18 19:06:40+08:00"
    assert document["severity"] == "critical"
    assert document["names"] == ["db-backup", "db-verify"]
    assert "dba@example.com" not in json.dumps(document)


@given(text=ANY_TEXT, template=st.sampled_from(["slack.json", "dingtalk.json"]))
def test_shipped_bodies_are_json_whatever_is_in_a_message(text: str, template: str) -> None:
    body(template, text)


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:20]))
def test_slack_is_given_no_text_that_it_refuses_for_its_length(text: str) -> None:
    made = body("slack.json", text)
    header, fields, section, *_ = made["blocks"]
    assert 1 <= len(header["text"]["text"]) <= 150
    assert all(len(field["text"]) <= 2000 for field in fields["fields"])
    assert 1 <= len(section["text"]["text"]) <= 3000
    assert "<!channel>" not in made["text"]
    assert all(block["type"] != "actions" for block in made["blocks"])


def test_slack_mentions_whom_it_can_know() -> None:
    words = WORDS["en"]
    message = a_message(on_duty=("U012AB3CD", "Anna", "<!channel>"))
    values = {
        **document_of(message, "UTC"),
        "words": words,
        "shortened": functools.partial(shortened, words=words),
    }
    made = json.loads(rendered(json_templates(None), "slack.json", values))
    (said,) = (
        block["elements"][0]["elements"]
        for block in made["blocks"]
        if "On duty" in json.dumps(block)
    )
    assert [part.get("user_id") or part["text"] for part in said[2::2]] == [
        "U012AB3CD", "Anna", "<!channel>",
    ]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:20]))
def test_dingtalk_is_given_a_text_within_its_size(text: str) -> None:
    made = body("dingtalk.json", text, "zh")
    assert made["msgtype"] == "text"
    assert "告警主机" in made["text"]["content"]
    assert len(written(made)) <= 20_000
