"""`crony-watcher`: discovers nodes, places jobs, moves those of a node that dies."""

from __future__ import annotations

import asyncio
import sys

from crony_ops.daemon import run_daemon
from crony_ops.watcher.daemon import WatcherDaemon
from crony_ops.watcher.settings import WatcherSettings


async def _live(settings: WatcherSettings, stop: asyncio.Event) -> None:
    async with asyncio.TaskGroup() as group:
        daemon = group.create_task(WatcherDaemon(settings).run())
        ended = group.create_task(stop.wait())
        ended.add_done_callback(lambda _: daemon.cancel())


def main() -> int:
    return run_daemon("crony-watcher", WatcherSettings, _live)


if __name__ == "__main__":
    sys.exit(main())
