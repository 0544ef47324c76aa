"""A pause whose time is over goes with its cursors moved up to now."""

from __future__ import annotations

import pytest

from crony_ops.model.node import Pause
from crony_ops.watcher.cursors import MAX_CURSORS_IN_AN_ORDER, ended_pauses
from tests.unit.watcher.picture import NOON, Picture, every_node


@pytest.fixture
def picture() -> Picture:
    picture = Picture()
    picture.node_up("a")
    picture.want("j")
    picture.look(NOON)
    return picture


def pause(picture: Picture, until: float | None, job_id: str = "j") -> None:
    record = Pause(who="ops", at=NOON, until=until)
    picture.etcd.put(picture.keys.pause(job_id), record.to_json())


def end(picture: Picture, now: float) -> list[bool]:
    orders = list(ended_pauses(picture.view, picture.view.assigned(), now))
    return [result.succeeded for result in picture.carry_out(orders)]


@pytest.mark.parametrize("until", [None, NOON + 100.0])
def test_a_pause_stands_until_its_time(picture: Picture, until: float | None) -> None:
    pause(picture, until)
    assert end(picture, NOON + 99) == []


def test_nothing_of_the_time_of_a_pause_fires_after_it(picture: Picture) -> None:
    pause(picture, NOON + 100.0)
    assert end(picture, NOON + 101) == [True]
    assert picture.etcd.get(picture.keys.pause("j")) is None
    assert picture.cursor("j") == NOON + 101


def test_the_cursor_never_goes_back_at_the_end_of_a_pause(picture: Picture) -> None:
    pause(picture, NOON + 100.0)
    picture.set_cursor("j", NOON + 500)
    end(picture, NOON + 101)
    assert picture.cursor("j") == NOON + 500


def test_a_pause_that_was_prolonged_meanwhile_stands(picture: Picture) -> None:
    pause(picture, NOON + 100.0)
    orders = list(ended_pauses(picture.view, picture.view.assigned(), NOON + 101))
    pause(picture, NOON + 1000.0)
    picture.carry_out(orders)
    assert picture.etcd.get(picture.keys.pause("j")) is not None
    assert picture.cursor("j") == NOON


def test_the_pause_of_a_job_on_more_nodes_than_a_transaction_holds_ends_too() -> None:
    picture = Picture()
    for number in range(2 * MAX_CURSORS_IN_AN_ORDER + 10):
        picture.node_up(f"n{number}")
    picture.want("e", every_node())
    picture.look(NOON)
    pause(picture, NOON + 100.0, "e")
    assert end(picture, NOON + 101) == [True, True, True]
    assert picture.etcd.get(picture.keys.pause("e")) is not None
    assert end(picture, NOON + 102) == [True]
    assert picture.etcd.get(picture.keys.pause("e")) is None
    cursors = {picture.cursor("e", f"u-n{number}") for number in range(130)}
    assert cursors == {NOON + 101}
