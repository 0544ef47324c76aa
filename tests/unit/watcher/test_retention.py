"""What is trimmed of alerts, and what has to stay."""

from __future__ import annotations

from crony_ops.alerts.attempts import PATIENCE
from crony_ops.model.alert import Alert, Delivery, DeliveryState, Severity
from crony_ops.watcher.retention import trims
from crony_ops.watcher.settings import WatcherSettings
from tests.unit.watcher.picture import NOON, Picture

KEEP = WatcherSettings(keep_alerts=2)


def put(picture: Picture, name: str, *states: DeliveryState, at: float = NOON) -> None:
    alert = Alert(
        id=name,
        cause="failure",
        severity=Severity.info,
        title="",
        message="",
        at=at,
        deliveries={str(n): Delivery(state=state) for n, state in enumerate(states)},
    )
    picture.etcd.put(picture.keys.alert(name), alert.to_json())


def left(picture: Picture) -> list[str]:
    for order in trims(picture.view, KEEP, NOON):
        assert picture.etcd.apply(order.txn).succeeded
    prefix = picture.keys.alerts
    return sorted(key.removeprefix(prefix) for key in picture.etcd.prefix(prefix))


def test_the_newest_stay_of_those_that_are_done_with() -> None:
    picture = Picture()
    for n, state in enumerate(
        (DeliveryState.delivered, DeliveryState.given_up, DeliveryState.silenced)
    ):
        put(picture, f"a{n}", state)
    assert left(picture) == ["a1", "a2"]


def test_none_goes_while_somebody_is_owed_it() -> None:
    picture = Picture()
    put(picture, "waits", DeliveryState.delivered, DeliveryState.waiting)
    put(picture, "fails", DeliveryState.retrying)
    put(picture, "new")
    for n in range(3):
        put(picture, f"told-{n}", DeliveryState.delivered)
    assert left(picture) == ["fails", "new", "told-1", "told-2", "waits"]


def test_what_was_not_routed_within_a_day_is_nobodys_any_more() -> None:
    picture = Picture()
    put(picture, "old", at=NOON - PATIENCE)
    for n in range(2):
        put(picture, f"told-{n}", DeliveryState.delivered)
    assert left(picture) == ["told-0", "told-1"]


def test_one_that_is_asked_for_again_meanwhile_stays() -> None:
    picture = Picture()
    for n in range(3):
        put(picture, f"a{n}", DeliveryState.given_up)
    orders = list(trims(picture.view, KEEP, NOON))
    put(picture, "a0", DeliveryState.waiting)
    assert [picture.etcd.apply(order.txn).succeeded for order in orders] == [False]
