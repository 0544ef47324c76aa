"""What is a reason to look again, and what is the system at work."""

from __future__ import annotations

import pytest

from crony_ops.model.node import Node
from crony_ops.store import Change, Entry
from crony_ops.store.keys import Keys
from crony_ops.watcher.interest import Interest, interest_in

KEYS = Keys()
NODE = Node(uuid="u", name="n", incarnation=1, renewed_at=1.0)


def entry(key: str, value: bytes = b"{}") -> Entry:
    return Entry(key, value, 1, 1, 1, 0)


def put(key: str) -> Change:
    return Change(key, entry(key), entry(key))


def gone(key: str) -> Change:
    return Change(key, entry(key), None)


def node_changed(**fields: object) -> Change:
    key = KEYS.node("u")
    after = NODE.model_copy(update=fields)
    return Change(key, entry(key, NODE.to_json()), entry(key, after.to_json()))


@pytest.mark.parametrize(
    ("change", "interest"),
    [
        (node_changed(renewed_at=2.0), Interest.NONE),
        (node_changed(renewed_at=2.0, presets={"p": ("s",)}), Interest.LOOK),
        (node_changed(incarnation=2), Interest.LOOK),
        (gone(KEYS.node("u")), Interest.LOOK),
        (put(KEYS.node("u")), Interest.LOOK),
        (put(KEYS.spec("j")), Interest.LOOK),
        (gone(KEYS.job("u", "j")), Interest.LOOK),
        (put(KEYS.cordon("u")), Interest.LOOK),
        (gone(KEYS.roster("u")), Interest.LOOK),
        (put(KEYS.pause("j")), Interest.LOOK),
        (put(KEYS.cursor("j")), Interest.NONE),
        (gone(KEYS.cursor("j")), Interest.LOOK),
        (put(KEYS.news("j", "r")), Interest.NEWS),
        (gone(KEYS.news("j", "r")), Interest.NONE),
        (put(KEYS.open("u", "j", "r")), Interest.NONE),
        (gone(KEYS.open("u", "j", "r")), Interest.NONE),
        (put(KEYS.health("j")), Interest.NONE),
        (put(KEYS.alert("a")), Interest.NONE),
    ],
)
def test_what_a_change_is_a_reason_for(change: Change, interest: Interest) -> None:
    assert interest_in(change, KEYS, ()) is interest


def test_the_end_of_a_run_is_a_reason_while_its_job_waits_to_leave() -> None:
    key = KEYS.open("u", "j", "r")
    assert interest_in(gone(key), KEYS, {"i", "j"}) is Interest.LOOK
    assert interest_in(put(key), KEYS, {"j"}) is Interest.NONE
    assert interest_in(gone(key), KEYS, {"i"}) is Interest.NONE


def test_the_end_of_any_run_is_a_reason_while_nobody_knows_which_jobs_wait() -> None:
    assert interest_in(gone(KEYS.open("u", "j", "r")), KEYS, None) is Interest.LOOK


def test_a_key_that_is_no_run_is_passed_over() -> None:
    assert interest_in(gone(f"{KEYS.opens}u"), KEYS, {"j"}) is Interest.NONE
