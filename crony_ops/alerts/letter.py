"""A message as a mail: its headers whole whatever is in the message, its text as HTML and plain."""

from __future__ import annotations

import hashlib
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import TYPE_CHECKING

from crony_ops.alerts.document import document_of
from crony_ops.alerts.legible import shortened
from crony_ops.alerts.templates import rendered
from crony_ops.alerts.words import WORDS

if TYPE_CHECKING:
    from datetime import datetime

    from jinja2 import Environment

    from crony_ops.alerts.message import Message
    from crony_ops.alerts.settings import MailSettings

_LONGEST_SUBJECT = 200
_RED, _GREEN = "#b91c1c", "#15803d"


def texts_of(message: Message, timezone: str, templates: Environment) -> tuple[str, str]:
    """Plain text and HTML of a prepared message. Raises Undelivered where a template is wrong."""
    values = {
        **document_of(message, timezone),
        "words": WORDS[message.language],
        "colour": _GREEN if message.ended else _RED,
    }
    return rendered(templates, "mail.txt", values), rendered(templates, "mail.html", values)


def subject_of(message: Message) -> str:
    """The body has it whole. No encoded word (RFC 2047) is left in it: the email package decodes
    those that a header is given, and writes the line breaks that it finds in them."""
    short = shortened(message.subject, _LONGEST_SUBJECT, WORDS[message.language])
    return short.replace("=?", "= ?")


def letter_of(
    message: Message,
    settings: MailSettings,
    recipients: tuple[str, ...],
    texts: tuple[str, str],
    now: datetime,
) -> EmailMessage:
    """Its Message-ID is the same at each attempt, so that a repetition can be known for one."""
    plain, html = texts
    letter = EmailMessage(policy=SMTP)
    letter["From"] = Address("Crony Ops", addr_spec=settings.sender)
    letter["To"] = ", ".join(recipients)
    letter["Subject"] = subject_of(message)
    letter["Date"] = format_datetime(now)
    letter["Message-ID"] = f"<{_digest(message.key)}@{settings.sender.rpartition('@')[2]}>"
    letter["Auto-Submitted"] = "auto-generated"
    letter.set_content(plain, charset="utf-8", cte="base64")
    letter.add_alternative(html, subtype="html", charset="utf-8", cte="base64")
    return letter


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "backslashreplace")).hexdigest()[:40]
