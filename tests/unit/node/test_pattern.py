"""A pattern means what `re` says, and never takes for ever."""

from __future__ import annotations

import asyncio
import re
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crony_ops.node.execution import pattern


@pytest.mark.parametrize(
    ("sought", "text", "found"),
    [
        ("ok", "it is ok.", True),
        ("^ok$", "it is ok.", False),
        ('{"ok": ?true}', 'x {"ok":true} y', True),
        (r"\{e}x{e}", "{e}x{e}", True),
        ("x{e}", "x", False),
        (r"\\{2}", r"a\\b", True),
        (r"\N{DIGIT ONE}[{]?", "1", True),
        ("(?s)a.b", "a\nb", True),
        ("x{2,3}", "xx", True),
    ],
)
async def test_patterns_are_pythons(sought: str, text: str, found: bool) -> None:
    assert await pattern.found_in(text, sought) == found


@pytest.mark.parametrize("sought", ["(a+)+$", "(a|aa)+$", "(.*a){20}x"])
async def test_a_catastrophic_pattern_ends_and_the_loop_goes_on(
    sought: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pattern, "PATIENCE", 0.2)
    searching = asyncio.create_task(pattern.found_in("a" * 60_000 + "!", sought))
    began = time.monotonic()
    turns = 0
    while not searching.done():
        await asyncio.sleep(0.01)
        turns += 1
    with pytest.raises(pattern.NotSearched, match=r"took more than 0\.2 s"):
        await searching
    assert time.monotonic() - began < 20
    assert turns > 3


@given(st.text("a{e}2,\\", max_size=8), st.text("a{e}2,\\", max_size=8))
@example("a{e}", "a")
def test_it_agrees_with_re(sought: str, text: str) -> None:
    try:
        expected = re.search(sought, text) is not None
    except re.error:
        return
    assert asyncio.run(pattern.found_in(text, sought)) == expected
