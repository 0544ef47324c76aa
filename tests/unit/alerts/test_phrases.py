"""Alerts in words, in each language, whatever stands in them."""

from __future__ import annotations

from string import Formatter
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crony_ops.alerts.phrasebook import CHINESE, ENGLISH
from crony_ops.alerts.phrases import in_words, message_of, phrased, spent
from crony_ops.model.alert import Alert, Cause, Delivery, Severity

if TYPE_CHECKING:
    from crony_ops.alerts.message import Language

LANGUAGES: tuple[Language, ...] = ("en", "zh")


def alert(cause: str, **fields: object) -> Alert:
    return Alert.model_validate(
        {
            "id": "a1",
            "cause": cause,
            "severity": Severity.warning,
            "title": "the title",
            "message": "the message",
            "at": 1_800_000_000.0,
            **fields,
        }
    )


def test_the_languages_have_the_same_phrases() -> None:
    assert ENGLISH.keys() == CHINESE.keys()


@pytest.mark.parametrize("phrase", sorted(ENGLISH))
def test_the_languages_say_the_same(phrase: str) -> None:
    def fields(texts: tuple[str, str]) -> set[str]:
        return {name for text in texts for _, name, _, _ in Formatter().parse(text) if name}

    assert fields(ENGLISH[phrase]) == fields(CHINESE[phrase])


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_alert_without_the_facts_of_its_phrase_keeps_the_words_it_was_made_with(
    language: Language,
) -> None:
    """Version 0.1.0 wrote none: "0 jobs moved" would not be true."""
    old = alert("node lost", node="u-1")
    assert in_words(old, language) == ("the title", "the message")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("cause", list(Cause))
def test_each_cause_has_words(cause: Cause, language: Language) -> None:
    subject, text = in_words(alert(cause, title="", job="j", node_name="n", reason="why"), language)
    assert subject
    assert text
    assert "{" not in subject + text


@pytest.mark.parametrize(
    ("fields", "english", "chinese"),
    [
        (
            {"cause": "failure", "reason": "exit 1", "node_name": "web-1"},
            ("job j failed", "exit 1; on web-1"),
            ("任务 j 执行失败", "exit 1，主机：web-1"),
        ),
        (
            {"cause": "recovery", "ended": True, "facts": {"failures": 3, "lasted": 5430.0}},
            ("job j is well again", "it failed 3 times in 1h30m"),
            ("任务 j 已恢复", "此前连续失败 3 次，历时 1小时30分"),
        ),
        (
            {"cause": "missed", "reason": "no node", "facts": {"events": 1}},
            ("job j missed 1 tick", "no node"),
            ("任务 j 错过 1 次执行", "no node"),
        ),
        (
            {"cause": "failure"},
            ("job j failed", "no reason given"),
            ("任务 j 执行失败", "原因不明"),
        ),
        (
            {
                "cause": "node lost",
                "names": ("a", "b"),
                "count": 2,
                "facts": {"moved": 1, "failed": 0, "bound": 3, "lost_runs": 2},
            },
            ("2 nodes are lost", "1 job moved; 0 failed; 3 bound to the nodes; 2 runs lost"),
            ("2 个节点失联", "已迁移 1 个任务；0 个失败；3 个绑定在这些节点；丢失 2 次执行"),
        ),
        (
            {"cause": "of tomorrow"},
            ("the title", "the message"),
            ("the title", "the message"),
        ),
    ],
)
def test_what_is_said(
    fields: dict[str, object], english: tuple[str, str], chinese: tuple[str, str]
) -> None:
    told = alert(**{"job": "j", **fields})  # type: ignore[arg-type]
    assert in_words(told, "en") == english
    assert in_words(told, "zh") == chinese


@given(st.text(), st.text(), st.sampled_from([*Cause, "{0.__class__}"]))
def test_no_text_is_taken_for_a_phrase(name: str, reason: str, cause: str) -> None:
    told = alert(cause, job=name, reason="{reason}" + reason, facts={"moved": "{job}"})
    for language in LANGUAGES:
        subject, text = in_words(told, language)
        assert "{" not in (subject + text).replace("{reason}", "").replace("{job}", "").replace(
            name, ""
        ).replace(reason, "")


def test_a_message_has_the_runbook_or_the_configured_link() -> None:
    told = phrased(alert("failure", job="j", run_id="r1", node_name="n1"))
    link = "https://ops/{job}/{run_id}?on={node}&{other}"
    assert message_of(told, "en", link=link).link == "https://ops/j/r1?on=n1&{other}"
    runbook = told.model_copy(update={"runbook": "https://wiki/x"})
    assert message_of(runbook, "en", link=link).link == "https://wiki/x"


def test_a_message_goes_to_whom_its_delivery_says() -> None:
    way = Delivery(to=("a@x.org",), on_duty=("ou_1",))
    message = message_of(alert("failure", job="j"), "zh", delivery=way)
    assert (message.to, message.on_duty, message.key) == (("a@x.org",), ("ou_1",), "a1")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0s"), (0.25, "0.2s"), (59.6, "1m"), (90, "1m30s"), (5430, "1h30m"), (200_000, "2d7h")],
)
def test_how_long_it_lasted(seconds: float, said: str) -> None:
    assert spent(seconds, "en") == said
