"""An alert in words: a person's language, from its cause and its facts. Pure."""

from __future__ import annotations

from string import Formatter
from typing import TYPE_CHECKING, Any

from crony_ops.alerts.message import Language, Message
from crony_ops.alerts.phrasebook import CHINESE, ENGLISH, Phrases
from crony_ops.model.duration import format_duration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crony_ops.model.alert import Alert, Delivery

_BOOKS: dict[Language, Phrases] = {"en": ENGLISH, "zh": CHINESE}
_UNITS = {"d": "天", "h": "小时", "m": "分", "s": "秒"}


def phrased(alert: Alert) -> Alert:
    """With title and message in English, made of all the rest."""
    title, message = in_words(alert, "en")
    return alert.model_copy(update={"title": title, "message": message})


def message_of(
    alert: Alert,
    language: Language,
    *,
    link: str = "",
    delivery: Delivery | None = None,
) -> Message:
    """What one channel sends of it, to whom its ``delivery`` says. ``link`` is a text with
    ``{job}``, ``{node}`` and ``{run_id}`` in it, for alerts without a runbook. The key is the
    alert's id: the same at each attempt."""
    subject, text = in_words(alert, language)
    return Message(
        key=alert.id,
        cause=alert.cause,
        severity=alert.severity,
        ended=alert.ended,
        subject=subject,
        text=text,
        at=alert.at,
        host=alert.node_name,
        job=alert.job,
        run_id=alert.run_id,
        output=alert.output,
        names=alert.names,
        link=alert.runbook or _filled(link, alert),
        on_duty=delivery.on_duty if delivery is not None else (),
        to=delivery.to if delivery is not None else (),
        language=language,
    )


def in_words(alert: Alert, language: Language) -> tuple[str, str]:
    """Subject and text. An older or a newer version's alert, of a cause that the phrase book does
    not have or without the facts of its phrase, keeps the words it was made with."""
    phrase = _BOOKS[language].get(_variant(alert))
    if phrase is None:
        return alert.title, alert.message
    words = _Words(language)
    values = _values(alert, language)
    if alert.title and not all(words.fields(pattern) <= values.keys() for pattern in phrase):
        return alert.title, alert.message
    subject, text = (words.vformat(pattern, (), values) for pattern in phrase)
    return subject, text


def _variant(alert: Alert) -> str:
    cause = alert.cause
    if cause == "flapping" and not alert.job and not alert.names:
        cause = "flapping.node"
    manners = ("settled", "again", "running")
    manner = next((f".{fact}" for fact in manners if alert.facts.get(fact)), "")
    if not manner and f"{cause}.ended" in ENGLISH and alert.ended:
        manner = ".ended"
    if not alert.names:
        return cause + manner
    return next(
        (known for known in (f"{cause}{manner}.many", f"{cause}.many") if known in ENGLISH), cause
    )


def _values(alert: Alert, language: Language) -> dict[str, Any]:
    failures = alert.facts.get("failures", 0)
    row = ""
    if isinstance(failures, int) and failures > 1:
        row = f"{failures} in a row" if language == "en" else f"连续 {failures} 次"
    unknown = "no reason given" if language == "en" else "原因不明"
    return {
        **alert.facts,
        "job": alert.job,
        "node_name": alert.node_name or alert.node,
        "reason": alert.reason or ("" if alert.facts.get("again") else unknown),
        "row": row,
        "count": alert.count,
    }


class _Words(Formatter):
    """Says a value as the part behind the colon asks for. Nothing that is missing stops it: an
    alert with a hole in it is worth more than none."""

    def __init__(self, language: Language) -> None:
        self._language = language

    def fields(self, pattern: str) -> set[str]:
        """Those that it needs."""
        return {name for _, name, _, _ in self.parse(pattern) if name}

    def get_value(self, key: int | str, _args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        return kwargs.get(str(key), "")

    def format_field(self, value: Any, format_spec: str) -> str:
        if format_spec == "time":
            return spent(float(value or 0), self._language)
        if format_spec == "signed":
            return f"{float(value or 0):+.1f}"
        if format_spec == "in brackets":
            return f" ({value})" if value else ""
        if format_spec.startswith("after "):
            return f"{format_spec[6:]}{value}" if value else ""
        if format_spec.startswith("n "):
            return f"{value or 0} {format_spec[2:]}{'' if value == 1 else 's'}"
        return str(value)


def spent(seconds: float, language: Language) -> str:
    """``1h30m`` or 1小时30分; below ten seconds with tenths; of days and more the two largest."""
    if 0 < seconds < 10:
        text = f"{seconds:.1f}s"
    elif seconds >= 86_400:
        text = format_duration(seconds // 3600 * 3600)
    elif seconds >= 3600:
        text = format_duration(seconds // 60 * 60)
    else:
        text = format_duration(seconds)
    return text if language == "en" else "".join(_UNITS.get(letter, letter) for letter in text)


def first_of(ids: Sequence[str], most: int) -> str:
    """The first ones of a list for people, and how many more there are."""
    more = len(ids) - most
    return ", ".join(ids[:most]) + (f" and {more} more" if more > 0 else "")


def _filled(link: str, alert: Alert) -> str:
    for name, value in (("job", alert.job), ("node", alert.node_name), ("run_id", alert.run_id)):
        link = link.replace(f"{{{name}}}", value)
    return link
