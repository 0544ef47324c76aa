"""Whatever stands in etcd, the leader goes on with its work, and tells what it passed over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given

from crony_ops.alerts.card import card_of
from crony_ops.alerts.document import document_of, written
from crony_ops.alerts.gathering import plan
from crony_ops.alerts.legible import prepared, printed_time
from crony_ops.alerts.letter import subject_of
from crony_ops.alerts.overflow import overflow
from crony_ops.alerts.phrases import message_of
from crony_ops.alerts.settings import AlertSettings
from crony_ops.alerts.words import WORDS
from crony_ops.store import Change, EtcdSettings
from crony_ops.watcher import job_health, retention
from crony_ops.watcher.complaints import Complaints
from crony_ops.watcher.interest import interest_in
from crony_ops.watcher.removal import forgotten
from crony_ops.watcher.settings import WatcherSettings
from crony_ops.watcher.vitals import fleet_numbers
from tests.unit.garbage import key_spaces
from tests.unit.watcher.picture import Picture, http_job

if TYPE_CHECKING:
    from crony_ops.alerts.message import Language

pytestmark = pytest.mark.fuzz


NOW = 1_795_384_860.0
SETTINGS = WatcherSettings(
    etcd=EtcdSettings(endpoints=("127.0.0.1:1",)), keep_alerts=20, keep_failovers=1
)
ALERTS = AlertSettings.model_validate(
    {
        "channels": {"hook": {"type": "webhook", "url": "http://127.0.0.1:1/"}},
        "routes": [{"channels": ["hook"]}],
    }
)
LANGUAGES: tuple[Language, ...] = ("en", "zh")
LOOKS = 4


def picture_of(values: dict[str, bytes]) -> Picture:
    """Also a node and a job that are as they should be."""
    picture = Picture()
    for key, value in values.items():
        picture.etcd.put(key, value)
    picture.node_up("sound")
    picture.want("sound", http_job())
    return picture


def look(picture: Picture, complaints: Complaints, now: float) -> None:
    """All that a leader does with what stands in etcd."""
    view, etcd = picture.view, picture.etcd
    for entry in list(etcd.entries.values()):
        for change in (Change(entry.key, None, entry), Change(entry.key, entry, entry)):
            interest_in(change, picture.keys, None)
    picture.look(now)
    unplaced = picture.placement().unplaced
    picture.carry_out(job_health.placed_or_not(view, unplaced, unplaced, now))
    picture.carry_out(retention.trims(view, SETTINGS, now))
    picture.carry_out(complaints.orders(view, now))
    picture.carry_out(forgotten(view, picture.etcd.prefix(picture.keys.runs)))
    fleet_numbers(view)
    deliver(picture, now)


def deliver(picture: Picture, now: float) -> None:
    """Route what there is, and put into words what would be sent."""
    view = picture.view
    alerts = tuple(seen.value for _, seen in view.alerts.items())
    silences = [seen.value for _, seen in view.silences.items()]
    wanted = plan(alerts, ALERTS.routes, ALERTS.channels, silences, now)
    overflow(alerts, "hook", (), now)
    for alert in (*alerts, *(digest.alert for digest in wanted.digests)):
        for language in LANGUAGES:
            message = prepared(message_of(alert, language, link="http://x/{job}"))
            assert subject_of(message)
            printed_time(message.at, "Asia/Shanghai")
            written(card_of(message, WORDS[language], ""))
            written(document_of(message, "UTC"))


@given(key_spaces())
def test_the_leader_does_its_work_beside_any_garbage(values: dict[str, bytes]) -> None:
    picture, complaints = picture_of(values), Complaints()
    for number in range(LOOKS):
        look(picture, complaints, NOW + 60 * number)
    assert picture.homes("sound")
