"""A restored etcd is told from one that has grown, whatever it looks like."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from crony_ops.model.cluster import Meta
from crony_ops.node.history import History, Seen
from crony_ops.node.journal import Journal
from crony_ops.store import Entry
from crony_ops.store.entry import Snapshot
from crony_ops.store.keys import Keys

KEYS = Keys()
KNOWN = Seen("x", 1, 100)


@pytest.mark.parametrize(
    ("later", "goes_on"),
    [
        (Seen("x", 1, 100), True),
        (Seen("x", 1, 101), True),
        (Seen("x", 1, 99), False),
        (Seen("x", 2, 500), False),
        (Seen("y", 1, 500), False),
        (Seen("", 1, 500), True),
    ],
)
def test_what_has_grown_goes_on_and_what_was_put_back_does_not(later: Seen, goes_on: bool) -> None:
    assert KNOWN.goes_on_in(later) is goes_on


def test_a_key_space_that_is_named_for_the_first_time_is_the_same() -> None:
    assert Seen("", 1, 100).goes_on_in(Seen("x", 1, 101))


class Store:
    """What etcd answers."""

    def __init__(self) -> None:
        self.now = KNOWN

    async def range(self, prefix: str) -> Snapshot:
        meta = Meta(incarnation=self.now.incarnation, cluster="c").to_json()
        entries = [Entry(KEYS.meta, meta, 1, 1, 1, 0), Entry(KEYS.meta + "x", b"", 1, 1, 1, 0)]
        assert prefix == KEYS.meta
        return Snapshot(self.now.revision, entries, self.now.cluster_id)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path)
    yield journal
    journal.close()


async def test_a_restore_is_noticed_once(journal: Journal) -> None:
    store = Store()
    noticed: list[object] = []
    history = History(cast("Any", store), KEYS, journal, lambda: noticed.append(store.now))
    await history.check()
    assert not noticed, "the first look has nothing to compare with"
    store.now = older = Seen("x", 1, 50)
    await history.check()
    await history.check()
    store.now = named_anew = Seen("y", 1, 60)
    await history.check()
    assert noticed == [older, named_anew]
    assert history.breaks == 2


async def test_a_next_life_notices_a_restore_that_it_did_not_see(journal: Journal) -> None:
    store = Store()
    noticed: list[object] = []
    await History(cast("Any", store), KEYS, journal, noticed.clear).check()
    store.now = Seen("y", 1, 500)
    history = History(cast("Any", store), KEYS, journal, lambda: noticed.append(1))
    await history.check()
    assert noticed == [1]
