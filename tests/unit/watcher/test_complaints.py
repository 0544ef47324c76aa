"""What nobody can mend but a person is told once."""

from __future__ import annotations

import pytest

from crony_ops.model.alert import Alert
from crony_ops.watcher.complaints import Complaints
from tests.unit.watcher.picture import NOON, Picture


@pytest.fixture
def picture() -> Picture:
    picture = Picture()
    picture.etcd.put(picture.keys.spec("j"), b"{")
    list(picture.view.wants.items())
    return picture


def test_a_value_that_can_not_be_read_is_named(picture: Picture) -> None:
    (order,) = Complaints().orders(picture.view, NOON)
    assert [alert.title for alert in order.alerts] == ["/crony/spec/j can't be read"]


def test_a_complaint_is_made_once_even_when_its_alert_was_trimmed(picture: Picture) -> None:
    complaints = Complaints()
    picture.carry_out(complaints.orders(picture.view, NOON))
    assert list(complaints.orders(picture.view, NOON + 1)) == []
    (key,) = picture.etcd.prefix(picture.keys.alerts)
    picture.etcd.delete(key)
    assert list(complaints.orders(picture.view, NOON + 2)) == []


def test_the_next_leader_does_not_make_it_again(picture: Picture) -> None:
    picture.carry_out(Complaints().orders(picture.view, NOON))
    assert list(Complaints().orders(picture.view, NOON + 1)) == []


def test_a_complaint_that_could_not_be_written_is_made_again(picture: Picture) -> None:
    complaints = Complaints()
    (lost,) = complaints.orders(picture.view, NOON)
    (again,) = complaints.orders(picture.view, NOON + 1)
    assert [alert.id for alert in lost.alerts] == [alert.id for alert in again.alerts]


def test_a_value_that_is_broken_anew_is_complained_about_anew(picture: Picture) -> None:
    complaints = Complaints()
    picture.carry_out(complaints.orders(picture.view, NOON))
    picture.etcd.put(picture.keys.spec("j"), b"[")
    list(picture.view.wants.items())
    assert len(list(complaints.orders(picture.view, NOON + 1))) == 1


@pytest.mark.parametrize(("ahead", "told"), [(60, False), (61, True)])
def test_a_cursor_far_ahead_of_the_clock_is_told(ahead: int, told: bool) -> None:
    picture = Picture()
    picture.set_cursor("j", NOON + ahead)
    picture.carry_out(Complaints().orders(picture.view, NOON))
    alerts = picture.etcd.prefix(picture.keys.alerts).values()
    assert [Alert.from_json(a.value).cause for a in alerts] == ["cursor ahead"] * told


def test_a_key_that_is_no_utf_8_is_told_of_too(picture: Picture) -> None:
    picture.etcd.put(picture.keys.spec("k\udcff"), b"{")
    list(picture.view.wants.items())
    picture.carry_out(Complaints().orders(picture.view, NOON))
    assert any("k\\xff" in key for key in picture.etcd.prefix(picture.keys.alerts))


@pytest.mark.parametrize("then", ["mended", "gone"])
def test_what_can_be_read_again_or_is_gone_is_forgotten_once_it_was_told(
    picture: Picture, then: str
) -> None:
    complaints = Complaints()
    for number in range(50):
        picture.etcd.put(picture.keys.spec(f"k{number}"), b"{")
    list(picture.view.wants.items())
    picture.carry_out(complaints.orders(picture.view, NOON))
    for number in range(50):
        if then == "mended":
            picture.want(f"k{number}")
        else:
            picture.etcd.delete(picture.keys.spec(f"k{number}"))
    for _ in range(2):
        assert list(complaints.orders(picture.view, NOON + 1)) == []
    assert list(picture.view.unreadable) == [picture.keys.spec("j")]


def test_what_is_mended_before_anybody_was_told_is_told_all_the_same(picture: Picture) -> None:
    complaints = Complaints()
    picture.want("j")
    for _ in range(2):
        assert len(list(complaints.orders(picture.view, NOON))) == 1


def test_a_complaint_is_remembered_as_long_as_its_cause_is_there() -> None:
    picture, complaints = Picture(), Complaints()
    picture.set_cursor("j", NOON + 3600)
    picture.carry_out(complaints.orders(picture.view, NOON))
    assert list(complaints.orders(picture.view, NOON)) == []
    (key,) = picture.etcd.prefix(picture.keys.alerts)
    picture.etcd.delete(key)
    assert list(complaints.orders(picture.view, NOON)) == []
    assert list(complaints.orders(picture.view, NOON + 3600)) == []
    assert len(list(complaints.orders(picture.view, NOON))) == 1  # the clock was put back
