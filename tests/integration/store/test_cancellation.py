"""A task that is cancelled while it asks etcd ends, whatever came of the asking."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from crony_ops.store import watch
from crony_ops.store.client import Repeat
from crony_ops.store.endpoints import Stay

if TYPE_CHECKING:
    from crony_ops.store import Etcd
    from crony_ops.store.endpoints import Connection
    from crony_ops.store.login import Metadata

_ROUNDS = 2500
"""The moment is met in one of some 250."""


async def test_a_cancellation_in_the_moment_in_which_a_renewal_fails_is_heeded(etcd: Etcd) -> None:
    lease = await etcd.grant(60)
    loop, chance = asyncio.get_running_loop(), random.Random(7)
    for _ in range(_ROUNDS):
        renewing = asyncio.create_task(
            etcd.keep_alive_once(lease, timeout=chance.uniform(0.0005, 0.004))
        )
        loop.call_later(chance.uniform(0, 0.003), renewing.cancel)
        await asyncio.wait([renewing])
        assert renewing.cancelled() or not renewing.cancelling()
        if not renewing.cancelled():
            renewing.exception()


async def test_a_watch_that_ends_while_its_endpoint_is_left_ends_quietly(etcd: Etcd) -> None:
    complaints: list[dict[str, object]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    cluster_id, revision = await etcd.head()

    async def connected(to: Connection, _metadata: Metadata, _timeout: float) -> Connection:
        return to

    connection = await etcd.call(connected, Repeat.READ)
    for turns in range(12):
        stay = Stay(connection)
        opened = asyncio.Event()

        def heard(_: watch.Delivery, opened: asyncio.Event = opened) -> None:
            opened.set()

        starts = {"/k/": revision + 1}
        following = asyncio.create_task(
            watch.follow(stay, (), starts, heard, cluster_id=cluster_id, silence=0.3)
        )
        await opened.wait()  # an answer to what is asked every third of the silence
        following.cancel()
        for _ in range(turns):
            await asyncio.sleep(0)
        stay.left.set_result(None)
        await asyncio.wait([following])
        await asyncio.sleep(0)
    assert complaints == []
