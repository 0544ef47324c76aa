"""Alerts are delivered by a leader: each once, in order, whatever a channel does."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import psutil
import pytest
import trustme
from aiohttp import web

from crony_ops.alerts import attempts, gathering, overflow
from crony_ops.alerts.line import waits
from crony_ops.alerts.webhook import WebhookChannel
from crony_ops.errors import GuardFailed
from crony_ops.local.waiting import wait_until
from crony_ops.model.alert import Alert, Delivery, DeliveryState
from tests.integration.alerts.servers import (
    Endpoint,
    Mailbox,
    http_server,
    says,
    server_tls,
    smtp_server,
)
from tests.integration.cli.conftest import CommandLine
from tests.integration.watcher.post_office import PostOffice, failed

if TYPE_CHECKING:
    from pathlib import Path

    from crony_ops.store import Etcd, EtcdSettings
    from crony_ops.store.keys import Keys

OK = says(200, "ok")
TOKEN = "f1e2d3c4-a5b6-4798-8899-aabbccddeeff"
MANY = 500
MOST_MEMORY = 64 << 20
"""Bytes that delivery may grow by under MANY alerts: several times what it does."""
DONE = (DeliveryState.delivered, DeliveryState.gathered)


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRONY_TEST_TOKEN", TOKEN)


@pytest.fixture(name="hasty")
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses a hundred times as short: ten minutes pass in six seconds."""
    for name in ("FIRST_PAUSE", "LONGEST_PAUSE", "FIRST_REST", "LONGEST_REST"):
        monkeypatch.setattr(attempts, name, getattr(attempts, name) / 100)


def hook(endpoint: Endpoint, **settings: Any) -> dict[str, Any]:
    return {"type": "webhook", "url": f"{endpoint.url}/${{CRONY_TEST_TOKEN}}", **settings}


def mail(mailbox: Mailbox) -> dict[str, Any]:
    where = {"host": "127.0.0.1", "port": mailbox.port, "tls": "none"}
    return {"type": "mail", **where, "sender": "crony@x.test", "to": ["ops@x.test"]}


def keys_of(endpoint: Endpoint) -> list[str]:
    return [request.headers["Idempotency-Key"] for request in endpoint.requests]


def all_are(alerts: dict[str, Alert], channel: str, *states: DeliveryState) -> bool:
    """Of the alerts that go over the channel; a digest may be of another one alone."""
    assert alerts
    return all(
        alert.deliveries.get(channel, Delivery()).state in states
        for alert in alerts.values()
        if channel in alert.deliveries or not alert.deliveries
    )


async def test_an_alert_goes_over_each_channel_once_and_is_noted_with_the_answer(
    etcd: Etcd, keys: Keys
) -> None:
    async with http_server(OK) as endpoint, smtp_server() as mailbox:
        post = PostOffice(etcd, keys, {"channels": {"a": hook(endpoint), "b": mail(mailbox)}})
        async with post.leading():
            await post.make([failed("x")])
            delivered = DeliveryState.delivered
            await post.until(
                lambda alerts: all_are(alerts, "a", delivered) and all_are(alerts, "b", delivered),
                "it is delivered",
            )
        async with post.leading():
            await asyncio.sleep(0.2)  # a new leader finds nothing to do
        assert keys_of(endpoint) == ["failure.x.0"]
        assert len(mailbox.letters) == 1
        way = (await post.alerts())["failure.x.0"].deliveries["b"]
        assert way.attempts == 1
        assert "queued as" in way.answer
        assert post.counted("alert_attempts_total", channel="a", result="delivered") == 1


async def test_a_channel_that_hangs_delays_no_other_and_keeps_the_order_of_each_job(
    etcd: Etcd, keys: Keys
) -> None:
    release = asyncio.Event()

    async def hanging(_: web.BaseRequest) -> web.StreamResponse:
        await release.wait()
        return web.Response(text="ok")

    async with http_server(OK) as well, http_server(hanging) as stuck:
        channels = {"well": hook(well), "stuck": hook(stuck)}
        post = PostOffice(etcd, keys, {"channels": channels})
        async with post.leading():
            await post.make([failed("x", 0), failed("x", 1, cause="recovery", ended=True)])
            await post.until(
                lambda alerts: all_are(alerts, "well", DeliveryState.delivered), "one is well"
            )
            assert len(stuck.requests) == 1
            release.set()
            await post.until(
                lambda alerts: all_are(alerts, "stuck", DeliveryState.delivered), "both are well"
            )
        assert keys_of(well) == keys_of(stuck) == ["failure.x.0", "failure.x.1"]


@pytest.mark.usefixtures("hasty")
async def test_a_recovery_does_not_overtake_the_failure_that_is_tried_again(
    etcd: Etcd, keys: Keys
) -> None:
    answers = iter([503, 503, 200, 200])

    async def now_and_then(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=next(answers))

    async with http_server(now_and_then) as endpoint:
        post = PostOffice(etcd, keys, {"channels": {"hook": hook(endpoint)}})
        async with post.leading():
            await post.make([failed("x", 0), failed("x", 1, cause="recovery", ended=True)])
            await post.until(
                lambda alerts: all_are(alerts, "hook", DeliveryState.delivered), "delivered"
            )
        assert keys_of(endpoint) == ["failure.x.0"] * 3 + ["failure.x.1"]


@pytest.mark.usefixtures("hasty")
async def test_a_mail_server_down_for_ten_minutes_under_500_alerts_loses_none_and_repeats_none(
    etcd: Etcd, keys: Keys
) -> None:
    async with http_server(OK) as endpoint, smtp_server() as mailbox:
        mailbox.answer = "421 4.3.2 not now"
        memory = psutil.Process().memory_info().rss
        post = PostOffice(etcd, keys, {"channels": {"mail": mail(mailbox), "hook": hook(endpoint)}})
        async with post.leading():
            down = time.monotonic()
            for n in range(0, MANY, 3):  # so that no storm gathers them beforehand
                of_now = [f"job-{m:03}" for m in range(n, min(n + 3, MANY))]
                await post.make(failed(job, at=time.time() - 120) for job in of_now)
                await post.until(
                    lambda alerts: all(alert.deliveries for alert in alerts.values()), "routed"
                )
            await post.until(
                lambda alerts: all_are(alerts, "hook", *DONE),
                "the other channel is undisturbed",
                60,
            )
            standing = (await post.alerts()).values()
            assert sum(waits(alert, "mail") for alert in standing) <= overflow.LONGEST_LINE
            failures = post.counted("alert_attempts_total", channel="mail", result="failed")
            assert 0 < failures < 100 * (time.monotonic() - down)
            assert psutil.Process().memory_info().rss - memory < MOST_MEMORY
            mailbox.answer = "250 Ok"
            await post.until(
                lambda alerts: all_are(alerts, "mail", *DONE),
                "all are delivered or in a digest",
                60,
            )
        told: Counter[str] = Counter()
        for letter in mailbox.letters:
            plain = letter.get_body(("plain",))
            assert plain is not None
            told.update(set(re.findall(r"job-\d{3}", plain.get_content())))
        assert told == Counter({f"job-{n:03}": 1 for n in range(MANY)})


async def test_a_leader_that_dies_between_sending_and_noting_repeats_that_one_message(
    etcd: Etcd, keys: Keys
) -> None:
    arrived, hang = asyncio.Event(), True

    async def taken_without_an_answer(_: web.BaseRequest) -> web.StreamResponse:
        arrived.set()
        if hang:
            await asyncio.sleep(30)
        return web.Response(text="ok")

    async with http_server(taken_without_an_answer) as endpoint:
        settings = {"channels": {"hook": hook(endpoint)}}
        first = PostOffice(etcd, keys, settings)
        async with first.leading():
            await first.make([failed("x"), failed("y")])
            await arrived.wait()
        hang = False
        second = PostOffice(etcd, keys, settings)
        async with second.leading():
            await second.until(
                lambda alerts: all_are(alerts, "hook", DeliveryState.delivered), "delivered"
            )
        assert keys_of(endpoint) == ["failure.x.0", "failure.x.0", "failure.y.0"]


async def test_a_deposed_leader_notes_nothing_and_does_not_repeat_what_it_knows_was_sent(
    etcd: Etcd, keys: Keys
) -> None:
    async def deposing(_: web.BaseRequest) -> web.StreamResponse:
        await etcd.delete(keys.leader)
        return web.Response(text="ok")

    async with http_server(deposing) as endpoint:
        post = PostOffice(etcd, keys, {"channels": {"hook": hook(endpoint)}})
        await post.make([failed("x")])
        with pytest.raises(ExceptionGroup) as caught:
            await post.lead(20)
        assert caught.group_contains(GuardFailed)
        assert all_are(await post.alerts(), "hook", DeliveryState.waiting)
        async with post.leading():
            await post.until(
                lambda alerts: all_are(alerts, "hook", DeliveryState.delivered), "noted"
            )
        assert keys_of(endpoint) == ["failure.x.0"]


async def test_a_leader_whose_lease_has_run_out_sends_nothing(etcd: Etcd, keys: Keys) -> None:
    fit = False
    async with http_server(OK) as endpoint:
        post = PostOffice(etcd, keys, {"channels": {"hook": hook(endpoint)}})
        async with post.leading(lambda: fit):
            await post.make([failed("x")])
            await post.until(lambda alerts: bool(alerts["failure.x.0"].deliveries), "routed")
            await asyncio.sleep(0.3)
            assert endpoint.requests == []
            fit = True
            await post.until(
                lambda alerts: all_are(alerts, "hook", DeliveryState.delivered), "delivered"
            )


async def test_each_kind_of_failure_is_tried_again_or_given_up_as_it_should_be_and_is_shown(
    etcd: Etcd, keys: Keys, store_settings: EtcdSettings, tmp_path: Path
) -> None:
    authority = trustme.CA()

    async def hanging(_: web.BaseRequest) -> web.StreamResponse:
        await asyncio.sleep(30)
        return web.Response()

    async def in_circles(request: web.BaseRequest) -> web.StreamResponse:
        raise web.HTTPFound(request.path_qs)

    async with (
        http_server(says(500, f"no luck with {TOKEN}")) as broken,
        http_server(says(404)) as gone,
        http_server(says(429, Retry_After="700")) as busy,
        http_server(hanging) as silent,
        http_server(in_circles) as circular,
        http_server(OK, server_tls(authority, "localhost")) as untrusted,
        http_server(says(200, '{"code":19024,"msg":"Key Words Not Found"}')) as wordy,
        http_server(says(200, '{"code":11232,"msg":"too many"}')) as crowded,
    ):
        channels = {
            "broken": hook(broken),
            "gone": hook(gone),
            "busy": hook(busy),
            "silent": hook(silent, timeout=0.5),
            "circular": hook(circular),
            "untrusted": hook(untrusted),
            "wordy": {**hook(wordy), "type": "feishu"},
            "crowded": {**hook(crowded), "type": "feishu"},
        }
        post = PostOffice(etcd, keys, {"channels": channels})
        async with post.leading():
            began = time.time()
            await post.make([failed("x")])
            await post.until(
                lambda alerts: (
                    all(way.attempts for way in alerts["failure.x.0"].deliveries.values())
                    and len(alerts["failure.x.0"].deliveries) == len(channels)
                ),
                "each has been tried",
            )
        ways = (await post.alerts())["failure.x.0"].deliveries
        again, given_up = DeliveryState.retrying, DeliveryState.given_up
        assert {name: (way.state, way.attempts) for name, way in ways.items()} == {
            "broken": (again, 1),
            "gone": (given_up, 1),
            "busy": (again, 1),
            "silent": (again, 1),
            "circular": (given_up, 1),
            "untrusted": (again, 1),
            "wordy": (given_up, 1),
            "crowded": (again, 1),
        }
        assert len(circular.requests) == 1
        assert untrusted.requests == []
        assert ways["busy"].next_at >= began + 700
        everything = b"".join(e.value for e in (await etcd.range(keys.everything)).entries)
        assert TOKEN.encode() not in everything
        assert post.counted("alert_attempts_total", channel="gone", result="given_up") == 1
    crony_ops = CommandLine(store_settings, tmp_path)
    [shown] = json.loads((await crony_ops("alerts", "-o", "json")).out)["alerts"]
    rows = {row["channel"]: row for row in shown["deliveries"]}
    as_text = (await crony_ops("alerts")).out
    for name, reason in {
        "broken": "HTTP 500",
        "gone": "HTTP 404",
        "busy": "HTTP 429",
        "silent": "no answer within",
        "circular": "redirects are not followed",
        "untrusted": "is not trusted",
        "wordy": "code 19024",
        "crowded": "code 11232",
    }.items():
        failed_yet = ways[name].state is again
        assert rows[name]["state"] == ("failed" if failed_yet else "given_up")
        assert (rows[name]["next_at"] is not None) == failed_yet
        assert reason in rows[name]["answer"]
        words = "failed 1 x, again in" if failed_yet else "given up"
        assert re.search(rf"{name} {words}.*: .*{reason}", as_text)
    assert TOKEN not in as_text


async def test_a_bug_in_a_channel_costs_one_message_and_no_more(
    etcd: Etcd, keys: Keys, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with http_server(OK) as endpoint:
        post = PostOffice(etcd, keys, {"channels": {"hook": hook(endpoint)}})
        send = WebhookChannel.send

        async def with_a_bug(self: WebhookChannel, message: Any) -> str:
            if message.job == "x":
                raise KeyError(TOKEN)
            return await send(self, message)

        monkeypatch.setattr(WebhookChannel, "send", with_a_bug)
        async with post.leading():
            await post.make([failed("x"), failed("y")])
            await post.until(
                lambda alerts: all_are(
                    alerts, "hook", DeliveryState.delivered, DeliveryState.given_up
                ),
                "both are done with",
            )
        assert keys_of(endpoint) == ["failure.y.0"]
        assert "KeyError" in (await post.alerts())["failure.x.0"].deliveries["hook"].answer
        assert TOKEN not in caplog.text


async def test_a_thousand_failures_in_a_minute_are_a_handful_of_messages_that_name_all(
    etcd: Etcd, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "MINUTE", 5.0)
    async with http_server(OK) as endpoint:
        post = PostOffice(etcd, keys, {"channels": {"hook": hook(endpoint)}})
        async with post.leading():
            await post.make(failed(f"job-{n:04}") for n in range(1000))
            await post.until(
                lambda alerts: all_are(alerts, "hook", *DONE),
                "all are told",
                40,
            )
        assert len(endpoint.requests) <= 5
        said = " ".join(request.body.decode() for request in endpoint.requests)
        assert set(re.findall(r"job-\d{4}", said)) == {f"job-{n:04}" for n in range(1000)}


async def test_a_dead_mans_switch_hears_of_a_leader_at_work_and_of_no_other(
    etcd: Etcd, keys: Keys, caplog: pytest.LogCaptureFixture
) -> None:
    status = 503

    async def moody(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=status)

    async with http_server(moody) as monitor:
        ping = {"url": f"{monitor.url}/${{CRONY_TEST_TOKEN}}", "every": 1}
        post = PostOffice(etcd, keys, {"ping": ping})
        async with post.leading():
            await wait_until(lambda: post.counted("pings_total", result="failed") == 1, "one")
            status = 200
            await wait_until(lambda: post.counted("pings_total", result="ok") == 1, "two")
            heard, post.stalled = len(monitor.requests), 61.0
            await wait_until(lambda: post.counted("pings_total", result="failed") == 2, "three")
            assert len(monitor.requests) == heard == 2
        assert {request.path for request in monitor.requests} == {f"/{TOKEN}"}
        assert "HTTP 503" in caplog.text
        assert TOKEN not in caplog.text
        assert await post.alerts() == {}


async def test_what_a_webhook_is_told_has_the_alerts_own_words(etcd: Etcd, keys: Keys) -> None:
    async with http_server(OK) as endpoint:
        settings = {"channels": {"hook": hook(endpoint)}, "link": "https://x.test/{job}"}
        post = PostOffice(etcd, keys, settings)
        async with post.leading():
            await post.make([failed("x")])
            await post.until(
                lambda alerts: all_are(alerts, "hook", DeliveryState.delivered), "delivered"
            )
        document = json.loads(endpoint.requests[0].body)
        assert document["job"] == "x"
        assert "https://x.test/x" in endpoint.requests[0].body.decode()
