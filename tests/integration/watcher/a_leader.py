"""A leader's looks on their own, over a real etcd: one at a time, when a test wants it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from crony_ops.store import Batcher, Etcd, Mirror, create_is
from crony_ops.watcher.metrics import WatcherMetrics
from crony_ops.watcher.reconcile import Reconciler
from crony_ops.watcher.settings import WatcherSettings
from crony_ops.watcher.spreading import Spreading
from crony_ops.watcher.view import View
from tests.integration.store.conftest import running

if TYPE_CHECKING:
    from crony_ops.store.keys import Keys


@asynccontextmanager
async def a_leader(etcd: Etcd, keys: Keys) -> AsyncIterator[tuple[Reconciler, Mirror]]:
    """Its mirror goes on by itself. The key that it leads by hangs on no lease."""
    term = await etcd.put(keys.leader, b"me")
    mirror = Mirror(etcd, View.prefixes(keys))
    batcher = Batcher(etcd, guard=(create_is(keys.leader, term),))
    view = View(mirror, keys, cmd_auto_allocation=False)
    async with running(mirror.run(), batcher.run()), asyncio.TaskGroup() as group:
        await mirror.synced()
        spreading = Spreading(group, on_found=lambda: None)
        settings, metrics = WatcherSettings(), WatcherMetrics()
        yield Reconciler(etcd, view, batcher, settings, metrics, spreading), mirror
