"""What is to be kept out of the output of a run that an earlier life of the agent started: the
secrets that it was given then. Their files may have been changed since, or taken away."""

from __future__ import annotations

import asyncio
import functools
import re
from typing import TYPE_CHECKING

from crony_ops.model.reference import has_references, parse_references
from crony_ops.secrets.lookup import NoSecret, Secrets
from crony_ops.secrets.redaction import Redaction

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from crony_ops.model.job import Job

WITHHELD = "withheld: its secrets can't be read"


async def redactor(job: Job, shown: Mapping[str, str]) -> Callable[[str], str]:
    """For pieces of the output. ``shown``: the variables that its process still shows, none if it
    is over. All is withheld where a secret is not known for sure."""
    referring = {name: text for name, text in job.env.items() if has_references(text)}
    looked_up = await asyncio.gather(*map(_look_up, referring.values()))
    found: set[str] = set()
    for (name, text), secrets in zip(referring.items(), looked_up, strict=True):
        value = shown.get(name)
        if secrets is not None:
            found |= secrets.found
            if value is None or value == secrets.put_in(text):
                continue
        if (given := _only_secret(text, value or "")) is None:
            return lambda output: output and WITHHELD
        found.add(given)
    return functools.partial(Redaction(found), cut=True)


async def _look_up(text: str) -> Secrets | None:
    try:
        return await Secrets.of([text])
    except (NoSecret, OSError):
        return None


def _only_secret(text: str, value: str) -> str | None:
    """What stands in the value for the reference of the text. None if that has several, for where
    the one ends and the next begins is anybody's guess."""
    pieces = parse_references(text)
    form = "".join(re.escape(piece) if isinstance(piece, str) else "(.+)" for piece in pieces)
    found = re.fullmatch(form, value, re.DOTALL)
    return found[1] if found is not None and len(found.groups()) == 1 else None
