"""`crony-watcher`: discovers nodes, places jobs, moves those of a node that dies."""

from __future__ import annotations

import asyncio
import os
import sys

from crony_ops.daemon.entry import run_daemon
from crony_ops.daemon.exposition import expose
from crony_ops.daemon.logs import about
from crony_ops.daemon.notify import ServiceManager, Standing, keep_told
from crony_ops.watcher.daemon import WatcherDaemon
from crony_ops.watcher.metrics import WatcherMetrics
from crony_ops.watcher.settings import WatcherSettings


async def _live(settings: WatcherSettings, stop: asyncio.Event) -> None:
    metrics = WatcherMetrics()
    daemon = WatcherDaemon(settings, metrics)
    metrics.show(daemon.vitals)

    def ailments() -> list[str]:
        return daemon.contact().ailments(settings.ttl)

    def standing() -> Standing:
        takes_part = daemon.contact().lease_margin > 0
        return Standing(takes_part, daemon.in_words(), daemon.stalled())

    with about(watcher=settings.id):
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(daemon.run()),
                group.create_task(expose(settings.listen, metrics.registry, ailments)),
                group.create_task(keep_told(ServiceManager.of(os.environ), standing, stop)),
            ]
            await stop.wait()
            for task in tasks:
                task.cancel()


def main() -> int:
    return run_daemon("crony-watcher", WatcherSettings, _live)


if __name__ == "__main__":
    sys.exit(main())
