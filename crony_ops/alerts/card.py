"""A message as Feishu's interactive card, built as data, within Feishu's limits. Pure."""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from crony_ops.alerts.document import written
from crony_ops.alerts.legible import shortened

if TYPE_CHECKING:
    from crony_ops.alerts.message import Message
    from crony_ops.alerts.words import Words

MAX_CARD = 19_000
"""Bytes as JSON: Feishu takes 20 KB, signature and all."""
_MENTIONED = 20
_LONGEST_LINK = 2000
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,100}")


def card_of(message: Message, words: Words, time: str) -> dict[str, Any]:
    """Of a prepared message. Where the card would be too large, what is longest in it is shortened,
    and the card says so."""
    most = max(map(len, (message.subject, message.text, message.host, message.output)))
    most = max(most, len(_listed(message)))

    def too_large(left_out: int) -> bool:
        return len(written(_card(_cut(message, most - left_out, words), words, time))) > MAX_CARD

    # A list of "too large" that turns false somewhere.
    left_out = bisect_left(range(most), True, key=lambda cut: not too_large(cut))
    return _card(_cut(message, most - left_out, words), words, time)


def _listed(message: Message) -> str:
    return ", ".join(message.names)


def _cut(message: Message, most: int, words: Words) -> Message:
    """With no text longer than that, but for the notes."""
    names = shortened(_listed(message), most, words)
    return replace(
        message,
        subject=shortened(message.subject, most, words),
        text=shortened(message.text, most, words),
        host=shortened(message.host, most, words),
        output=shortened(message.output, most, words, end=True),
        names=(names,) if names else (),
    )


def _card(message: Message, words: Words, time: str) -> dict[str, Any]:
    elements: list[dict[str, Any]] = [
        {
            "tag": "div",
            "fields": [
                {"is_short": True, "text": _plain(f"🕐 {words.time}\n{time}")},
                {"is_short": True, "text": _plain(f"📋 {words.host}\n{message.host or '-'}")},
            ],
        },
    ]
    if message.on_duty:
        elements += _on_duty(message.on_duty[:_MENTIONED], words)
    elements.append(_div(f"{words.message}\n{message.text}"))
    if message.names:
        elements.append(_div(f"{words.names}\n{_listed(message)}"))
    if message.output:
        elements += [{"tag": "hr"}, _div(f"{words.output}\n{message.output}")]
    if message.link and len(message.link) <= _LONGEST_LINK:
        button = {
            "tag": "button",
            "text": _plain(words.follow_up),
            "type": "primary",
            "url": message.link,
        }
        elements.append({"tag": "action", "actions": [button]})
    return {
        "config": {"wide_screen_mode": True},
        "header": {
            "template": "green" if message.ended else "red",
            "title": _plain(f"{message.subject} - {words.platform}"),
        },
        "elements": elements,
    }


def _on_duty(names: tuple[str, ...], words: Words) -> list[dict[str, Any]]:
    """Whom Feishu knows by an id or an address is mentioned; the others are named."""
    mentions = [mention for name in names if (mention := _mention(name))]
    others = [name for name in names if not _mention(name)]
    title = f"👤 {words.on_duty}"
    shown = []
    if mentions:
        content = f"{title}\n{' '.join(mentions)}"
        shown.append({"tag": "div", "text": {"tag": "lark_md", "content": content}})
    if others:
        shown.append(_div(f"{title}\n{', '.join(others)}"))
    return shown


def _mention(name: str) -> str:
    if _ID.fullmatch(name):
        return f"<at id={name}></at>"
    return f"<at email={name}></at>" if _MAIL.fullmatch(name) else ""


def _div(text: str) -> dict[str, Any]:
    return {"tag": "div", "text": _plain(text)}


def _plain(text: str) -> dict[str, str]:
    """A text in which Feishu reads nothing of its own."""
    return {"tag": "plain_text", "content": text}
