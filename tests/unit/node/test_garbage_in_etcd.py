"""Whatever stands in a node's part of etcd, the node passes it over, and says so once."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crony_ops.model.run import OpenRun, QueuedRun, read_run
from crony_ops.node.history import History
from crony_ops.node.journal import Journal
from crony_ops.node.ticks.holdings import Holdings
from crony_ops.node.ticks.queues import Queues
from crony_ops.store import Change, Entry, Snapshot
from tests.effort import times
from tests.unit.garbage import KEYS, RECORDED, noise, spoilt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crony_ops.node.ticks.holding import Holding

NOW = 1_795_384_860.0
GARBAGE = b"\xff not for us"


def recorded(*words: str) -> st.SearchStrategy[bytes]:
    """Values under the prefixes of those names."""
    return st.sampled_from([v for k, v in RECORDED.items() if k.split("/")[2] in words])


def spoilt_of(*words: str) -> st.SearchStrategy[bytes]:
    return st.one_of(noise(), recorded(*words).flatmap(spoilt), recorded(*words).flatmap(spoilt))


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journal]:
    journal = Journal(tmp_path_factory.mktemp("journal"))
    yield journal
    journal.close()


@pytest.mark.fuzz
@given(st.data())
@times(8)
def test_an_assignment_is_held_as_it_can_be_worked_or_not_at_all(
    journal: Journal, data: st.DataObject
) -> None:
    holdings = Holdings(KEYS, "u", journal)
    value = data.draw(spoilt_of("job"))
    holding = holdings.hold("j", KEYS.job("u", "j"), value, 7)
    assert holdings.of == ({} if holding is None else {"j": holding})
    if holding is None:
        return
    cursor = data.draw(st.one_of(recorded("tick"), spoilt_of("tick")))
    if takes_cursor(holding, cursor):
        work(holding)


def takes_cursor(holding: Holding, value: bytes) -> bool:
    try:
        holding.take_cursor(Entry(holding.cursor_key, value, 1, 1, 1, 0), 0, NOW)
    except ValueError:
        return False
    return True


def work(holding: Holding) -> None:
    """All that a tick asks of it."""
    assert holding.cursor is not None
    missed = holding.missed(NOW)
    assert missed is None or missed.cursor > holding.cursor
    tick = holding.schedule.next_after(min(holding.cursor, int(NOW)))
    assert holding.next_due(tick, NOW) > NOW - 1
    holding.schedule.previous_before(tick)
    assert holding.assignment().job.schedule


@pytest.mark.fuzz
@given(spoilt_of("queue", "open", "run", "kill", "meta", "node"))
@times(20)
def test_a_record_is_read_or_refused_in_one_way(value: bytes) -> None:
    for read in (QueuedRun.from_json, OpenRun.from_json, read_run):
        try:
            cast("Any", read)(value).to_json()
        except ValueError:
            continue


def test_a_queued_run_that_can_not_be_read_is_named_in_the_log_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    queues, key = Queues(), KEYS.queued("j", "r")
    with caplog.at_level(logging.WARNING):
        for revision in (1, 2):
            queues.take("j", Change(key, None, Entry(key, GARBAGE, 1, revision, 1, 0)))
            for _ in range(5):
                assert list(queues.of("j", "n")) == []
    assert [key in message for message in caplog.messages] == [True, True]
    queues.take("j", Change(key, Entry(key, GARBAGE, 1, 2, 1, 0), None))
    assert list(queues.of("j", "n")) == []


class Damaged:
    """An etcd whose `/crony/meta` is no record."""

    async def range(self, prefix: str) -> Snapshot:
        return Snapshot(7, [Entry(prefix, GARBAGE, 1, 3, 1, 0)], 1)


async def test_a_key_space_whose_name_can_not_be_read_is_told_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal(tmp_path)
    history = History(cast("Any", Damaged()), KEYS, journal, lambda: None)
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            await history.check()
    journal.close()
    assert [KEYS.meta in message for message in caplog.messages] == [True]
