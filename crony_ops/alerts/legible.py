"""Makes texts that may hold anything fit for mails, cards and documents, losing nothing. Pure."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from crony_ops.schedule.zone import load_zone

if TYPE_CHECKING:
    from crony_ops.alerts.message import Message
    from crony_ops.alerts.words import Words

_PICTURES = {code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n"} | {0x7F: 0x2421}
# They turn the direction of what follows: a name could be made to read as another.
_TURNS = {code: f"\\u{code:04x}" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}
_SHOWN = _PICTURES | _TURNS
_WEB = re.compile(r"https?://[^\s\"'<>\\^`{|}]+", re.IGNORECASE)
_LONGEST_NAME = 64
_LAST_MOMENT = (
    253_370_000_000  # in the year 9998: a zone's offset is not to lead out of the calendar
)


def legible(text: str) -> str:
    """With each control character but tab and newline shown as its picture (NUL is ␀), and each
    lone surrogate, that no encoding carries, as its escape."""
    return text.replace("\r\n", "\n").translate(_SHOWN).encode("utf-8", "backslashreplace").decode()


def one_line(text: str) -> str:
    """Legible, and without any line break: fit for a header."""
    return " ".join(legible(text).split())


def shortened(text: str, most: int, words: Words, *, end: bool = False) -> str:
    """Its first ``most`` characters, or its last ones, with a note of how many are left out."""
    count = len(text) - most
    if count <= 0:
        return text
    note = words.left_out.format(count=f"{count:,}")
    return note + text[count:] if end else text[:most] + note


def prepared(message: Message) -> Message:
    """The message with all its texts legible. A link that is none of the web's stays a text; a
    moment that no calendar has is 1970's first; whom to mention has no longer name anywhere."""
    text, link = legible(message.text), one_line(message.link)
    if link and _WEB.fullmatch(link) is None:
        text, link = f"{text}\n{link}", ""
    return replace(
        message,
        key=one_line(message.key),
        cause=one_line(message.cause),
        subject=one_line(message.subject),
        text=text,
        at=message.at if 0 <= message.at <= _LAST_MOMENT else 0.0,
        host=one_line(message.host),
        job=one_line(message.job),
        run_id=one_line(message.run_id),
        output=legible(message.output),
        names=tuple(map(one_line, message.names)),
        link=link,
        on_duty=tuple(one_line(name)[:_LONGEST_NAME] for name in message.on_duty),
    )


def printed_time(at: float, timezone: str) -> str:
    """A prepared message's moment as ``2026-11-23 12:00:00+08:00``."""
    return datetime.fromtimestamp(at, load_zone(timezone)).isoformat(" ", "seconds")
