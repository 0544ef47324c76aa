"""An agent in this very process, for what a whole cluster would bring about only by luck."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from crony_ops.node.agent import Agent
from crony_ops.node.journal import Journal
from crony_ops.node.metrics import NodeMetrics

if TYPE_CHECKING:
    from crony_ops.node.settings import NodeSettings
    from crony_ops.store import Etcd


class _Over(Exception):
    """Ends the agent's tasks, whatever they wait for."""


@asynccontextmanager
async def an_agent(
    settings: NodeSettings, etcd: Etcd, stop: asyncio.Event | None = None
) -> AsyncIterator[Agent]:
    """It lives as long as the block, and ends with what it runs; in order where the block has set
    ``stop``."""
    journal = Journal(settings.state_dir)
    try:
        async with asyncio.TaskGroup() as group:
            agent = Agent(settings, etcd, journal, NodeMetrics(), group)
            life = group.create_task(agent.run(stop or asyncio.Event()))
            yield agent
            if stop is not None and stop.is_set():
                await life
            raise _Over
    except* _Over:
        await agent.close()
    finally:
        journal.close()
