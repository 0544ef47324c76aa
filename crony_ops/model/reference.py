"""How a job names a secret without holding it: ``${file:/path}`` and ``${env:NAME}``.

Only the node that runs the job puts the value in; everybody else sees the reference.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator

_OPENING = re.compile(r"\$\$\{|\$\{([^}]*)\}|\$\{")
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Reference:
    """``name`` is an absolute path on the node, or a variable of its agent."""

    kind: Literal["file", "env"]
    name: str

    def __str__(self) -> str:
        return f"${{{self.kind}:{self.name}}}"


def parse_references(text: str) -> list[str | Reference]:
    """The text in pieces, ``$${`` being a literal ``${``. Raises ValueError for a ``${`` that
    begins no reference: a misspelt one must not be sent as it stands."""
    pieces: list[str | Reference] = []
    end = 0
    for found in _OPENING.finditer(text):
        pieces.append(text[end : found.start()])
        pieces.append("${" if found[0] == "$${" else _reference(found[1]))
        end = found.end()
    pieces.append(text[end:])
    return [piece for piece in pieces if piece]


def sound_references(text: str) -> str:
    """The text itself. Raises ValueError as ``parse_references`` does."""
    parse_references(text)
    return text


WithSecrets = Annotated[str, AfterValidator(sound_references)]
"""A text in which references to secrets may stand."""


def literally(text: str) -> str:
    """As a job must have it to mean the text itself."""
    return text.replace("${", "$${")


def has_references(text: str) -> bool:
    """False for a text that is wrong as well."""
    try:
        return any(isinstance(piece, Reference) for piece in parse_references(text))
    except ValueError:
        return False


def _reference(inner: str | None) -> Reference:
    if inner is None:
        raise ValueError("a `${` is never closed; for these two characters write `$${`")
    kind, colon, name = inner.partition(":")
    if kind == "file" and colon:
        if not name.startswith("/") or "\0" in name:
            raise ValueError(f"`${{{inner}}}` has no absolute path: write `${{file:/path}}`")
        return Reference("file", name)
    if kind == "env" and colon:
        if _ENV_NAME.fullmatch(name) is None:
            raise ValueError(f"`${{{inner}}}` names no variable: write `${{env:NAME}}`")
        return Reference("env", name)
    raise ValueError(
        f"`${{{inner}}}` is no reference: write `${{file:/path}}` or `${{env:NAME}}`, "
        "and `$${` for a `${` of your own"
    )
