"""What one part of the leader notes of an alert undoes nothing that another one has noted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

from crony_ops.alerts.overflow import LONGEST_LINE, MOST_GATHERED, overflow
from crony_ops.model.alert import Alert, Delivery, DeliveryState
from crony_ops.store import Batcher, Etcd, Mirror
from crony_ops.watcher.outbox import Outbox
from crony_ops.watcher.view import View
from tests.integration.watcher.post_office import PostOffice, failed

if TYPE_CHECKING:
    from crony_ops.store.keys import Keys

WAITING = Delivery()
DELIVERED = Delivery(state=DeliveryState.delivered)


@pytest.fixture(name="post")
def _post(etcd: Etcd, keys: Keys) -> PostOffice:
    return PostOffice(etcd, keys, {})


@pytest.fixture(name="outbox")
async def _outbox(post: PostOffice) -> AsyncIterator[Outbox]:
    """On it, more alerts wait than may, over each of two channels."""
    ways = {"mail": WAITING, "hook": WAITING}
    jobs = [f"job-{n:03}" for n in range(LONGEST_LINE + MOST_GATHERED)]
    await post.make(failed(job, deliveries=ways) for job in jobs)
    mirror = Mirror(post.etcd, View.prefixes(post.keys))
    batcher = Batcher(post.etcd)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(mirror.run()), group.create_task(batcher.run())]
        await mirror.synced()
        view = View(mirror, post.keys, cmd_auto_allocation=False)
        yield Outbox(view, batcher, {})
        for task in tasks:
            task.cancel()


def surplus(outbox: Outbox) -> tuple[list[Alert], list[str]]:
    alerts = list(outbox.alerts())
    found = overflow(alerts, "mail", (), time.time())
    return alerts, [alert_id for one in found for alert_id in one.deliveries]


async def test_a_digest_for_one_channel_leaves_what_another_has_delivered_meanwhile(
    post: PostOffice, outbox: Outbox
) -> None:
    alerts, gathered = surplus(outbox)
    found = overflow(alerts, "mail", (), time.time())
    assert len(found) == 2
    await outbox.note(gathered[-1], "hook", WAITING, DELIVERED)
    await outbox.gather(found)
    ways = (await post.alerts())[gathered[-1]].deliveries
    assert ways["hook"] == DELIVERED
    assert ways["mail"].state is DeliveryState.gathered


async def test_nothing_is_sent_that_any_of_several_digests_is_made_of(outbox: Outbox) -> None:
    alerts, gathered = surplus(outbox)
    making = asyncio.create_task(outbox.gather(overflow(alerts, "mail", (), time.time())))
    await asyncio.sleep(0)
    assert not any(map(outbox.is_free, gathered))
    await making
    assert all(map(outbox.is_free, gathered))
