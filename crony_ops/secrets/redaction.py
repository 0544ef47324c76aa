"""Takes secrets out of what is kept: answers and outputs may repeat what they were given. Pure."""

from __future__ import annotations

import base64
import html
import json
import re
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

from yarl import URL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SHORTEST = 4
"""Characters: what is shorter stands everywhere by chance, and is left."""
MASK = "***"


class Redaction:
    """Of these secrets, as they are and as servers and clients write them: in URLs, in JSON, in
    HTML, and in base64 together with other text."""

    def __init__(self, secrets: Iterable[str]) -> None:
        found = {form for secret in secrets for form in _forms(secret)}
        # The longest first: a secret may be a part of another.
        self._forms = sorted(
            (form for form in found if len(form) >= SHORTEST), key=lambda form: (-len(form), form)
        )

    def __call__(self, text: str, *, cut: bool = False) -> str:
        """The text with each secret replaced. ``cut``: it is a piece of a longer one, and may begin
        or end within a secret."""
        # A mask may complete a secret with what stands beside it; each round makes it shorter.
        before = None
        while text != before:
            before = text
            for form in self._forms:
                text = text.replace(form, MASK)
            if cut:
                text = self._trim(text)
        return text

    def _trim(self, text: str) -> str:
        """Without the rest of a secret at the beginning, and the beginning of one at the end."""
        head = max((_overlap(form[::-1], text[::-1]) for form in self._forms), default=0)
        if head:
            text = MASK + text[head:]
        tail = max((_overlap(form, text) for form in self._forms), default=0)
        return text[:-tail] + MASK if tail else text


def _overlap(form: str, text: str) -> int:
    """How many of the form's first characters, but not all, the text ends with; 0 for a few."""
    end = text[1 - len(form) :]
    start = end.find(form[:SHORTEST])
    while start >= 0:
        if form.startswith(end[start:]):
            return len(end) - start
        start = end.find(form[:SHORTEST], start + 1)
    return 0


def _forms(secret: str) -> Iterator[str]:
    yield secret
    # In an answer that is read, by its server or here, in another charset than it is written in.
    yield secret.encode("utf-8", "surrogateescape").decode("latin-1")
    yield re.sub(r"[^\x00-\x7f]", "\ufffd", secret)
    for quoted in (quote(secret, safe=""), quote(secret), quote_plus(secret)):
        yield quoted
        yield re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), quoted)
    # As our own client writes them.
    yield URL.build(path=f"/{secret}").raw_path[1:]
    yield URL.build(query={"q": secret}).raw_query_string[2:]
    for ascii_only in (True, False):
        yield json.dumps(secret, ensure_ascii=ascii_only)[1:-1]
    yield html.escape(secret)
    yield html.escape(secret, quote=False)
    for before in range(3):
        yield from _in_base64(secret.encode(), before)


def _in_base64(secret: bytes, before: int) -> Iterator[str]:
    """What is the same in base64 whatever stands around the secret, ``before`` bytes into three:
    the user's name before a password (``Authorization: Basic``)."""
    first, last = -(-before * 8 // 6), (before + len(secret)) * 8 // 6
    padded = bytes(before) + secret
    yield base64.b64encode(padded).decode()[first:last]
    yield base64.urlsafe_b64encode(padded).decode()[first:last]
