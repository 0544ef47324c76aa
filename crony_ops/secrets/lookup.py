"""The secrets that a text refers to: looked up on this machine, right before they are used."""

from __future__ import annotations

import asyncio
import os
import stat
from typing import TYPE_CHECKING

from crony_ops.model.reference import Reference, parse_references
from crony_ops.probe import ask_apart
from crony_ops.secrets.redaction import Redaction

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAX_SECRET = 16 * 1024
"""Bytes: a token, a password or a key. What is larger is a mistake, /dev/zero at worst."""
PATIENCE = 10.0
"""Seconds for all that are asked for together: a file may stand on a disk that does not answer."""


class NoSecret(Exception):
    """A reference can't be resolved. The message names the reference, and why."""


class Secrets:
    """The values of some references, in ``found`` without what they belong to. ``redaction`` takes
    them out of whatever is to be kept."""

    def __init__(self, values: Mapping[Reference, str]) -> None:
        self._values = values
        self.found = frozenset(values.values())
        self.redaction = Redaction(self.found)

    @classmethod
    async def of(cls, texts: Iterable[str]) -> Secrets:
        """Of all references in these texts. Raises NoSecret, and ValueError for texts that no job
        can hold."""
        found = {
            piece
            for text in texts
            for piece in parse_references(text)
            if isinstance(piece, Reference)
        }
        if not found:
            return cls({})
        try:
            async with asyncio.timeout(PATIENCE):
                return cls({reference: await _look_up(reference) for reference in found})
        except TimeoutError:
            names = ", ".join(sorted(map(str, found)))
            raise NoSecret(f"{names}: not read within {PATIENCE:g} s") from None

    def put_in(self, text: str) -> str:
        """The text with the values in place of its references, which ``of`` was told of."""
        return "".join(
            piece if isinstance(piece, str) else self._values[piece]
            for piece in parse_references(text)
        )

    def put_in_values(self, texts: Mapping[str, str]) -> dict[str, str]:
        return {name: self.put_in(text) for name, text in texts.items()}


async def _look_up(reference: Reference) -> str:
    if reference.kind == "file":
        return await ask_apart(reference, lambda: _file(reference))
    return _variable(reference)


def _variable(reference: Reference) -> str:
    value = os.environ.get(reference.name)
    if value is None:
        raise NoSecret(f"{reference}: there is no such variable")
    return _sound(reference, value)


def _file(reference: Reference) -> str:
    try:
        # Without waiting, for nobody may ever write to a pipe.
        descriptor = os.open(reference.name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise NoSecret(f"{reference} is no regular file")
            content = os.read(descriptor, MAX_SECRET + 1)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise NoSecret(f"{reference}: {error.strerror}") from None
    if len(content) > MAX_SECRET:
        raise NoSecret(f"{reference} is larger than {MAX_SECRET // 1024} KiB")
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise NoSecret(f"{reference} is no text in UTF-8") from None
    return _sound(reference, text.removesuffix("\n").removesuffix("\r"))


def _sound(reference: Reference, value: str) -> str:
    if not value:
        raise NoSecret(f"{reference} is empty")
    return value
