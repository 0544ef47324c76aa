"""`crony-ops alerts` and `silence`: what became of alerts, and what people do about it."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from crony_ops.model.alert import Alert, Delivery, DeliveryState, Severity, Silence
from crony_ops.model.node import Node, Roster
from tests.integration.alerts.servers import http_server, says
from tests.integration.cli.conftest import CommandLine

if TYPE_CHECKING:
    from pathlib import Path

    from crony_ops.store import Etcd, EtcdSettings
    from crony_ops.store.keys import Keys

TOKEN = "f1e2d3c4-a5b6-4798-8899-aabbccddeeff"
NOW = time.time()


def an_alert(name: str, job: str, *, minutes: int, **ways: Delivery) -> Alert:
    return Alert(
        id=name,
        cause="failure",
        severity=Severity.warning,
        title=f"job {job} failed",
        message="exit 1",
        at=NOW - 60 * minutes,
        job=job,
        node_name="web-1",
        deliveries=ways,
    )


DELIVERED = Delivery(state=DeliveryState.delivered, attempts=1, at=NOW, answer="250 Ok")
GIVEN_UP = Delivery(state=DeliveryState.given_up, attempts=1, at=NOW, answer="550 no such user")
RETRYING = Delivery(state=DeliveryState.retrying, attempts=4, at=NOW, next_at=NOW + 900)
ALERTS = (
    an_alert("told", "x", minutes=3, mail=DELIVERED, hook=DELIVERED),
    an_alert("half", "x", minutes=2, mail=GIVEN_UP, hook=DELIVERED),
    an_alert("again", "y", minutes=1, mail=RETRYING),
    an_alert("new", "y", minutes=0),
)


@pytest.fixture(autouse=True)
async def _alerts(etcd: Etcd, keys: Keys) -> None:
    for alert in ALERTS:
        await etcd.put(keys.alert(alert.id), alert.to_json())


async def listed(crony_ops: CommandLine, *options: str) -> list[str]:
    ended = await crony_ops("alerts", *options, "-o", "json")
    document: dict[str, Any] = json.loads(ended.out)
    return [alert["id"] for alert in document["alerts"]]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ((), ["new", "again", "half", "told"]),
        (("--state", "open"), ["again"]),
        (("--state", "given-up"), ["half"]),
        (("--state", "delivered"), ["half", "told"]),
        (("--state", "delivered", "--channel", "mail"), ["told"]),
        (("--state", "unrouted"), ["new"]),
        (("--job", "x"), ["half", "told"]),
        (("--node", "web-1", "-n", "1"), ["new"]),
        (("--cause", "node-lost"), []),
    ],
)
async def test_alerts_are_listed_by_what_became_of_them(
    crony_ops: CommandLine, options: tuple[str, ...], found: list[str]
) -> None:
    assert await listed(crony_ops, *options) == found


async def test_a_cause_that_there_is_not_is_an_error(crony_ops: CommandLine) -> None:
    said = (await crony_ops("alerts", "--cause", "node-lots", status=2)).err
    assert "--cause 'node-lots': there is failure, recovery" in said


async def test_people_see_what_the_server_said(crony_ops: CommandLine) -> None:
    said = (await crony_ops("alerts")).out
    assert "mail given up: 550 no such user" in said
    assert "mail failed 4 x, again in" in said


async def test_an_alert_that_was_given_up_goes_out_again_where_it_did_not_arrive(
    crony_ops: CommandLine, etcd: Etcd, keys: Keys
) -> None:
    assert "over mail" in (await crony_ops("alerts", "retry", "half")).out
    entry = await etcd.get(keys.alert("half"))
    assert entry is not None
    ways = Alert.from_json(entry.value).deliveries
    assert ways["mail"].state is DeliveryState.waiting
    assert (ways["mail"].attempts, ways["mail"].next_at) == (0, 0.0)
    assert ways["hook"] == DELIVERED


async def test_what_arrived_is_not_sent_again_and_what_is_not_there_is_named(
    crony_ops: CommandLine,
) -> None:
    assert "not given up" in (await crony_ops("alerts", "retry", "told", status=2)).err
    assert "nearest: told" in (await crony_ops("alerts", "retry", "tolt", status=2)).err


async def test_a_silence_is_added_listed_and_removed(
    crony_ops: CommandLine, etcd: Etcd, keys: Keys
) -> None:
    over = Silence(id="over", who="me", at=NOW - 99, until=NOW - 9, job="x")
    await etcd.put(keys.silence("over"), over.to_json())
    await etcd.put(keys.spec("x"), b"{}")
    await crony_ops("silence", "add", "--job", "x", "--for", "2h", "--why", "new disk")
    document = json.loads((await crony_ops("silence", "list", "-o", "json")).out)
    [one] = document["silences"]
    assert (one["job"], one["why"]) == ("x", "new disk")
    assert 7100 < one["until"] - time.time() <= 7200
    assert await etcd.get(keys.silence("over")) is None
    await crony_ops("silence", "remove", one["id"])
    assert (await crony_ops("silence", "list")).out == "nothing is silenced\n"
    assert "silence list" in (await crony_ops("silence", "remove", one["id"], status=2)).err


@pytest.mark.parametrize(
    "options",
    [
        ("--job", "x"),
        ("--for", "2h"),
        ("--job", "x", "--everything", "--for", "2h"),
        ("--label", "team", "--for", "x"),
        ("--label", "=ops", "--for", "2h"),
    ],
)
async def test_a_silence_that_is_about_nothing_or_never_ends_is_refused(
    crony_ops: CommandLine, etcd: Etcd, keys: Keys, options: tuple[str, ...]
) -> None:
    await crony_ops("silence", "add", *options, status=2)
    assert await etcd.count(keys.silences) == 0


async def test_a_silence_of_a_job_or_node_that_there_is_not_is_refused(
    crony_ops: CommandLine, etcd: Etcd, keys: Keys
) -> None:
    """Nobody is to believe it silent, and be called all the same."""
    lost = Roster(node=Node(uuid="u-1", name="web-01", incarnation=1), seen_at=NOW, lost_at=NOW)
    up = Node(uuid="u-2", name="web-02", incarnation=2)
    await etcd.put(keys.roster("u-1"), lost.to_json())
    await etcd.put(keys.node("u-2"), up.to_json())
    await etcd.put(keys.spec("backup"), b"{}")
    for options, nearest in (
        (("--node", "web-O1"), "web-01"),
        (("--job", "bakcup"), "backup"),
        (("--job", "backup", "--node", "web-O2"), "web-02"),
    ):
        refused = await crony_ops("silence", "add", *options, "--for", "2h", status=2)
        assert nearest in refused.err
    assert await etcd.count(keys.silences) == 0
    for known in (
        ("--node", "web-01"),
        ("--node", "web-02"),
        ("--node", "u-1"),
        ("--job", "backup"),
        ("--group", "none-yet", "--label", "team=none-yet"),
    ):
        await crony_ops("silence", "add", *known, "--for", "2h")
    assert await etcd.count(keys.silences) == 5


async def test_a_channel_is_tried_for_real_and_its_secret_is_not_shown(
    store_settings: EtcdSettings, tmp_path: Path
) -> None:
    crony_ops = CommandLine(store_settings, tmp_path, CRONY_TEST_TOKEN=TOKEN)
    async with http_server(says(200, "thanks")) as well, http_server(says(403, TOKEN)) as ill:
        channels = {
            name: {"type": "webhook", "url": f"{server.url}/${{CRONY_TEST_TOKEN}}"}
            for name, server in (("well", well), ("ill", ill))
        }
        config = tmp_path / "watcher.yaml"
        config.write_text(yaml.safe_dump({"alerts": {"channels": channels}}))
        where = ("--config", str(config))
        shown = await crony_ops("alerts", "preview", "--channel", "well", *where)
        assert "db-backup" in shown.out
        assert well.requests == []
        took = await crony_ops("alerts", "test", "well", "--cause", "node-lost", *where)
        assert "200" in took.out
        assert b"node lost" in well.requests[0].body
        refused = await crony_ops("alerts", "test", "ill", *where, status=1)
        assert "403" in refused.err
        unknown = await crony_ops("alerts", "test", "mail", *where, status=2)
        assert "ill, well" in unknown.err
        for ended in (shown, took, refused):
            assert TOKEN not in ended.out + ended.err
