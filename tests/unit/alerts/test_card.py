"""A Feishu card holds any text as a text, within Feishu's size, and says what it leaves out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crony_ops.alerts.card import MAX_CARD, card_of
from crony_ops.alerts.document import written
from crony_ops.alerts.legible import prepared
from crony_ops.alerts.words import WORDS
from tests.alert_messages import a_message

if TYPE_CHECKING:
    from crony_ops.alerts.message import Message

ANY_TEXT = st.text(st.characters(exclude_categories=()))
TIME = "2026-11-23 12:00:00+08:00"


def card(message: Message) -> dict[str, Any]:
    return card_of(prepared(message), WORDS["zh"], TIME)


def texts(card: dict[str, Any]) -> list[str]:
    shown = [card["header"]["title"]["content"]]
    for element in card["elements"]:
        shown += [field["text"]["content"] for field in element.get("fields", ())]
        if "text" in element:
            shown.append(element["text"]["content"])
    return shown


def test_all_that_an_operator_needs_is_on_it() -> None:
    made = card(a_message(link="https://wiki/db-backup"))
    assert texts(made) == [
        "db-backup failed 3 times - Crony定时任务平台报警",
        f"🕐 告警时间\n{TIME}",
        "📋 告警主机\ndb-1",
        "👤 值班人员\n<at id=ou_18ac></at>",
        "告警信息\nexit 1: pg_dump: connection refused",
        "涉及对象\ndb-backup, db-verify",
        "输出末尾\npg_dump: connection refused\n",
    ]
    button = made["elements"][-1]["actions"][0]
    assert (button["text"]["content"], button["url"]) == ("跟进处理", "https://wiki/db-backup")


@pytest.mark.parametrize(("ended", "colour"), [(False, "red"), (True, "green")])
def test_green_is_what_is_over(ended: bool, colour: str) -> None:
    assert card(a_message(ended=ended))["header"]["template"] == colour


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("ou_18ac", "<at id=ou_18ac></at>"),
        ("all", "<at id=all></at>"),
        ("a.b@example.com", "<at email=a.b@example.com></at>"),
        ("张三", "张三"),
        ("x></at><at id=all", "x></at><at id=all"),
    ],
)
def test_only_what_can_be_an_id_is_mentioned(name: str, shown: str) -> None:
    (element,) = (
        element["text"]
        for element in card(a_message(on_duty=(name,)))["elements"]
        if element.get("text", {}).get("content", "").startswith("👤")
    )
    assert element["content"] == f"👤 值班人员\n{shown}"
    assert (element["tag"] == "lark_md") == shown.startswith("<at ")


@given(
    subject=ANY_TEXT, text=ANY_TEXT, host=ANY_TEXT, output=ANY_TEXT, name=ANY_TEXT, link=ANY_TEXT
)
def test_any_text_stands_on_it_as_it_is(
    subject: str, text: str, host: str, output: str, name: str, link: str
) -> None:
    given_ = a_message(
        subject=subject, text=text, host=host, output=output, names=(name,), link=link
    )
    message = prepared(given_)
    made = card(given_)
    assert json.loads(written(made)) == made
    shown = texts(made)
    for part in (message.subject, message.text, message.host, message.output, message.names[0]):
        assert any(part in one for one in shown)
    marked = [e for e in made["elements"] if e.get("text", {}).get("tag") == "lark_md"]
    assert [e["text"]["content"] for e in marked] == ["👤 值班人员\n<at id=ou_18ac></at>"]


@given(
    sizes=st.lists(st.sampled_from([0, 10, 1_000, 18_000, 100_000]), min_size=5, max_size=5),
    letter=st.sampled_from(["x", '"', "中", "😀", "\0"]),
)
def test_it_is_never_too_large_and_only_what_is_long_is_shortened(
    sizes: list[int], letter: str
) -> None:
    subject, text, host, output, name = (letter * size for size in sizes)
    message = a_message(subject=subject, text=text, host=host, output=output, names=(name,))
    made = card(message)
    assert len(written(made)) <= MAX_CARD
    whole = prepared(message)
    kept = "\n".join(texts(made))
    if "略去" not in kept:
        assert whole.output in kept
    for part in (whole.subject, whole.text, whole.host, whole.output, whole.names[0]):
        if len(part) <= 10:
            assert part in kept


def test_what_is_shortened_says_by_how_much_and_keeps_the_end_of_an_output() -> None:
    made = card(a_message(output="first" + "x" * 100_000 + "last"))
    output = texts(made)[-1]
    assert output.startswith("输出末尾\n…（此处略去 ")
    assert output.endswith("last")
    assert len(written(made)) > MAX_CARD - 100
