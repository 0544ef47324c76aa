"""`crony-node`: registers this machine, claims the ticks of its jobs, runs them, reports."""

from __future__ import annotations

import asyncio
import sys

from crony_ops.daemon.entry import run_daemon
from crony_ops.node.agent import run_agent
from crony_ops.node.journal import Journal
from crony_ops.node.settings import NodeSettings
from crony_ops.store import Etcd


async def _live(settings: NodeSettings, stop: asyncio.Event) -> None:
    journal = Journal(settings.state_dir)
    try:
        async with Etcd(settings.etcd) as etcd:
            await run_agent(settings, etcd, journal, stop)
    finally:
        journal.close()


def main() -> int:
    return run_daemon("crony-node", NodeSettings, _live)


if __name__ == "__main__":
    sys.exit(main())
