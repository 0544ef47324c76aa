"""`crony-node`: registers this machine, claims the ticks of its jobs, runs them, reports."""

from __future__ import annotations

import asyncio
import os
import sys

from crony_ops.daemon.entry import run_daemon
from crony_ops.daemon.exposition import expose
from crony_ops.daemon.logs import about
from crony_ops.daemon.notify import ServiceManager, Standing, keep_told
from crony_ops.node.agent import Agent
from crony_ops.node.journal import Journal
from crony_ops.node.metrics import NodeMetrics
from crony_ops.node.settings import NodeSettings
from crony_ops.store import Etcd


class _Stopped(Exception):
    """Ends the group of the agent's tasks, whatever they wait for."""


async def _live(settings: NodeSettings, stop: asyncio.Event) -> None:
    with about(node=settings.name):
        journal = Journal(settings.state_dir)
        try:
            async with Etcd(settings.etcd) as etcd:
                await _run_agent(settings, etcd, journal, stop)
        finally:
            journal.close()


async def _run_agent(
    settings: NodeSettings, etcd: Etcd, journal: Journal, stop: asyncio.Event
) -> None:
    """Until ``stop`` is set and the runs have ended, or their grace has. What still runs then goes
    on without us, for the next life to adopt. Raises NodeTaken."""
    metrics = NodeMetrics()
    try:
        async with asyncio.TaskGroup() as group:
            agent = Agent(settings, etcd, journal, metrics, group)
            metrics.show(agent.vitals)

            def ailments() -> list[str]:
                return agent.vitals().ailments(settings.ttl)

            def standing() -> Standing:
                at = agent.vitals()
                words = at.in_words(settings.ttl, stopping=stop.is_set())
                return Standing(at.registered, words, at.stalled)

            group.create_task(expose(settings.listen, metrics.registry, ailments))
            group.create_task(keep_told(ServiceManager.of(os.environ), standing, stop))
            await agent.run(stop)
            raise _Stopped
    except* _Stopped:
        await agent.close()


def main() -> int:
    return run_daemon("crony-node", NodeSettings, _live)


if __name__ == "__main__":
    sys.exit(main())
