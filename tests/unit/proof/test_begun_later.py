"""A record may begin when the key space is old: what stood then is known, and is not judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from crony_ops.store.keys import Keys
from tests.faults.proof.checker import check
from tests.faults.proof.history import Act, History, Write
from tests.unit.proof.planted import PLANTS, Planted
from tests.unit.proof.test_planted_errors import MODULES
from tests.unit.proof.test_sound_histories import STORIES

if TYPE_CHECKING:
    from tests.unit.proof.story import Story

assert MODULES, "what is planted is imported"


def first_rest(history: History) -> Write | None:
    """The end of a run with which nothing was under way any more."""
    opens = Keys(history.setup.root).opens
    under_way: set[str] = set()
    for write in history.writes:
        if write.key.startswith(opens):
            (under_way.discard if write.value is None else under_way.add)(write.key)
            if not under_way:
                return write
    return None


def begun_later(history: History, begin: Write) -> History:
    """As a recorder has it that is started right after a write."""
    keys, stands = Keys(history.setup.root), dict[str, Write]()
    for write in history.writes:
        if write.revision <= begin.revision:
            stands[write.key] = replace(write, at=begin.at, previous=0)
    there = [write for write in stands.values() if write.value is not None]
    later = [write for write in history.writes if write.revision > begin.revision]
    return replace(
        history,
        setup=history.setup.model_copy(update={"since": begin.revision}),
        ledger=[act for act in history.ledger if keys.run(act.job, act.run) not in stands],
        writes=sorted(there, key=lambda write: write.revision) + later,
    )


@pytest.mark.parametrize("story", STORIES)
def test_nothing_is_found_where_nothing_is_wrong_since(story: Callable[[], Story]) -> None:
    history = story().history()
    begin = first_rest(history)
    assert begin is not None
    assert check(begun_later(history, begin)) == []


def shown_since(planted: Planted, begin: Write) -> bool:
    return all(
        one.revision > begin.revision if isinstance(one, Write) else one.at > begin.at
        for one in planted.evidence
        if isinstance(one, Write | Act)
    )


def test_what_went_wrong_since_is_found() -> None:
    judged = 0
    for plant in PLANTS:
        planted = plant()
        begin = first_rest(planted.history)
        if begin is not None and shown_since(planted, begin):
            judged += 1
            found = check(begun_later(planted.history, begin))
            assert planted.rule in {violation.rule for violation in found}, plant.__name__
    assert judged > 20
