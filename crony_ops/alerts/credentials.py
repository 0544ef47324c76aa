"""A channel's secrets for one attempt, and what must not be told of them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from yarl import URL

from crony_ops.alerts.legible import one_line
from crony_ops.alerts.message import Undelivered
from crony_ops.model.alert import MAX_ANSWER
from crony_ops.secrets.lookup import NoSecret, Secrets

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from crony_ops.secrets.redaction import Redaction

_LONG = 16
"""Characters: a part of a URL's path from which on it may be a token."""


async def look_up(texts: Iterable[str]) -> Secrets:
    """Read anew for each attempt, so that a changed secret needs no restart."""
    try:
        return await Secrets.of(texts)
    except NoSecret as error:
        raise Undelivered(reason=str(error), permanent=False) from None


def reference(text: str | None, file: Path | None) -> str:
    """As a text with references, whichever of the two is given; empty if none is."""
    if text is None and file is not None:
        return f"${{file:{file.absolute()}}}"
    return text or ""


def told(text: str, redactions: Iterable[Redaction]) -> str:
    """A server's or a library's words, which may be cut off, as they may be kept: without secrets,
    in one line, short."""
    for redaction in redactions:
        text = redaction(text, cut=True)
    return one_line(text)[:MAX_ANSWER]


@contextmanager
def kept_back(redactions: Sequence[Redaction]) -> Iterator[None]:
    """Nothing that is undelivered within tells a secret."""
    try:
        yield
    except Undelivered as error:
        raise Undelivered(
            reason=told(error.reason, redactions),
            permanent=error.permanent,
            retry_after=error.retry_after,
        ) from None


def private_parts(url: str) -> Iterator[str]:
    """What of a URL lets its owner in, as far as it can be: all but scheme, host and port."""
    try:
        read = URL(url)
    except ValueError:
        yield url
        return
    yield from filter(None, (read.user, read.password))
    if read.raw_path_qs != "/":
        yield from (read.raw_path_qs, read.path_qs, read.path)
    yield from (part for part in read.parts if len(part) >= _LONG)
    yield from read.query.values()
