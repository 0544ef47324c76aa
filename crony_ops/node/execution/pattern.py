"""Searching text for a job's pattern: bounded, for a pattern may backtrack for ages."""

from __future__ import annotations

import asyncio
import re

import regex

PATIENCE = 2.0
"""Seconds that a search may take."""
# To `re`, a brace that begins no count is a brace; to `regex`, `{e}` means something.
_BRACE = re.compile(r"(\\(?:N\{[^}]*\}|.))|\{(?![0-9,])", re.DOTALL)


class NotSearched(Exception):
    """Whether the text has the pattern is not known; the message says why."""


async def found_in(text: str, pattern: str) -> bool:
    """Off the loop, which goes on meanwhile. Raises NotSearched."""
    return await asyncio.to_thread(_search, text, pattern)


def _search(text: str, pattern: str) -> bool:
    # Not `re` itself: it can't be stopped, and holds up every other thread until it is done.
    same = _BRACE.sub(lambda found: found[1] or r"\{", pattern)
    try:
        return regex.search(same, text, concurrent=True, timeout=PATIENCE) is not None
    except TimeoutError:
        raise NotSearched(f"`{pattern}` took more than {PATIENCE:g} s to search") from None
    except regex.error as error:
        raise NotSearched(f"`{pattern}` is no regular expression: {error}") from None
