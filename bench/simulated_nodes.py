"""`python -m bench.simulated_nodes ENDPOINT FIRST COUNT TTL`: agents that run nothing.

To etcd and to the leader each is a node like any other: it takes a lease, puts its record, mirrors
what an agent mirrors, and renews both as an agent does. One whose lease is gone stays away, so that
to revoke it is to lose the node. They share a few connections, which agents don't.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import TYPE_CHECKING

from crony_ops.errors import LeaseLost
from crony_ops.local.child import Child
from crony_ops.model.node import Node, node_uuid
from crony_ops.node.ticks.inbox import watched
from crony_ops.store import Etcd, EtcdSettings, LeaseKeeper, Mirror
from crony_ops.store.keys import Keys

if TYPE_CHECKING:
    from crony_ops.local.cluster import LocalCluster

_ON_A_CONNECTION = 50


def node_id(number: int) -> str:
    return node_uuid("bench", f"node-{number:04}")


@contextmanager
def simulated_nodes(cluster: LocalCluster, nodes: range, ttl: int) -> Iterator[Child]:
    """As a process of their own. They register one by one, after this has returned."""
    [endpoint] = cluster.settings.endpoints
    numbers = (str(number) for number in (nodes.start, len(nodes), ttl))
    name = f"nodes-{nodes.start}"
    command = [sys.executable, "-m", "bench.simulated_nodes", endpoint, *numbers]
    child = Child(name, command, cluster.folder.log(name), os.environ)
    child.start()
    try:
        yield child
    finally:
        child.kill()


async def _live(etcd: Etcd, number: int, ttl: int) -> None:
    keys, uuid = Keys(), node_id(number)
    keeper = LeaseKeeper(etcd, ttl)
    await keeper.grant()
    began = time.time()

    async def publish() -> None:
        record = Node(
            uuid=uuid,
            name=f"node-{number:04}",
            ip="127.0.0.1",
            pid=os.getpid(),
            groups=("bench",),
            incarnation=keeper.lease,
            started_at=began,
            renewed_at=time.time(),
        )
        await etcd.head()  # an agent makes sure that it is the same etcd
        await etcd.put(keys.node(uuid), record.to_json(), lease=keeper.lease)

    await publish()
    async with asyncio.TaskGroup() as group:
        mirroring = group.create_task(Mirror(etcd, watched(keys, uuid)).run())
        try:
            await keeper.run(publish)
        except* LeaseLost:
            mirroring.cancel()


async def _live_all(endpoint: str, first: int, count: int, ttl: int) -> None:
    """They register evenly over a third of the TTL, and so renew."""
    async with AsyncExitStack() as connections, asyncio.TaskGroup() as group:
        for number in range(first, first + count):
            if (number - first) % _ON_A_CONNECTION == 0:
                settings = EtcdSettings(endpoints=(endpoint,))
                etcd = await connections.enter_async_context(Etcd(settings))
            group.create_task(_live(etcd, number, ttl))
            await asyncio.sleep(ttl / 3 / count)


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    gc.set_threshold(100_000)
    endpoint, *numbers = sys.argv[1:]
    asyncio.run(_live_all(endpoint, *map(int, numbers)))


if __name__ == "__main__":
    main()
