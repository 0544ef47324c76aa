"""A job that left the files leaves nothing that runs, and its cursor for a day."""

from __future__ import annotations

import pytest

from crony_ops.model.node import Pause
from crony_ops.watcher.removal import MAX_KEYS_IN_AN_ORDER, Removals
from tests.unit.watcher.picture import NOON, REMOVAL_LEASE, Picture, every_node


@pytest.fixture
def picture() -> Picture:
    picture = Picture()
    picture.node_up("a")
    picture.want("j")
    picture.want("other")
    picture.look(NOON)
    return picture


def remove(picture: Picture, job_id: str = "j") -> None:
    picture.etcd.delete(picture.keys.spec(job_id))
    pause = Pause(who="sync", at=NOON, removal=True)
    picture.etcd.put(picture.keys.pause(job_id), pause.to_json())


def left_of(picture: Picture, job_id: str) -> dict[str, int]:
    return {
        key.removeprefix("/crony/"): entry.lease
        for key, entry in picture.etcd.entries.items()
        if job_id in key.split("/")
    }


def test_only_its_cursor_stays_and_that_on_a_lease(picture: Picture) -> None:
    keys = picture.keys
    picture.etcd.put(keys.health("j"), b"{}")
    picture.etcd.put(keys.once("j"), b"")
    picture.etcd.put(keys.queued("j", "20260101T000000Z-r1"), b"{}")
    remove(picture)
    picture.look(NOON + 1)
    assert left_of(picture, "j") == {"tick/j": REMOVAL_LEASE}
    assert Removals(picture.view).jobs == {}
    assert picture.homes("other") == ["a"]


def test_a_run_that_ends_after_its_jobs_removal_asks_for_no_lease(picture: Picture) -> None:
    remove(picture)
    assert Removals(picture.view).keep_cursors
    picture.look(NOON + 1)
    picture.etcd.put(picture.keys.health("j"), b"{}")
    removals = Removals(picture.view)
    assert set(removals.jobs) == {"j"}
    assert not removals.keep_cursors
    picture.carry_out(removals.orders(0))
    assert left_of(picture, "j") == {"tick/j": REMOVAL_LEASE}


def test_a_job_that_came_back_meanwhile_keeps_everything(picture: Picture) -> None:
    remove(picture)
    orders = Removals(picture.view).orders(REMOVAL_LEASE)
    picture.want("j")
    picture.carry_out(orders)
    assert picture.homes("j") == ["a"]


def test_a_removed_job_that_comes_back_is_resumed_with_its_cursor_off_the_lease(
    picture: Picture,
) -> None:
    remove(picture)
    picture.look(NOON + 1)
    picture.want("j")
    picture.look(NOON + 50)
    assert left_of(picture, "j") == {"job/u-a/j": 0, "spec/j": 0, "tick/j": 0}
    assert picture.cursor("j") == NOON + 50


def test_one_whose_pause_still_stands_is_resumed_too(picture: Picture) -> None:
    remove(picture)
    picture.want("j")
    picture.look(NOON + 50)
    picture.look(NOON + 51)
    assert picture.etcd.get(picture.keys.pause("j")) is None


def test_a_cursor_that_its_owner_moved_meanwhile_is_kept_as_it_is_now(picture: Picture) -> None:
    remove(picture)
    orders = Removals(picture.view).orders(REMOVAL_LEASE)
    picture.set_cursor("j", NOON + 60)
    picture.carry_out(orders)
    assert picture.homes("j") == ["a"]
    picture.look(NOON + 61)
    assert (picture.homes("j"), picture.cursor("j")) == ([], NOON + 60)


def test_a_job_on_many_nodes_goes_in_steps_and_its_pause_with_the_last() -> None:
    picture = Picture()
    count = 2 * MAX_KEYS_IN_AN_ORDER + 1
    for number in range(count):
        picture.node_up(f"n{number}")
    picture.want("e", every_node())
    picture.look(NOON)
    assert len(picture.homes("e")) == count
    remove(picture, "e")
    seen = []
    for _ in range(3):
        picture.look(NOON + 1)
        paused = picture.etcd.get(picture.keys.pause("e")) is not None
        seen.append((len(picture.homes("e")), paused))
    assert seen == [(count - 40, True), (count - 80, True), (0, False)]


def test_an_unreadable_spec_is_still_wanted(picture: Picture) -> None:
    picture.etcd.put(picture.keys.spec("j"), b"{")
    assert Removals(picture.view).jobs == {}
