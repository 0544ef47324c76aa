"""A daemon's two pages: `/metrics` for Prometheus, `/healthz` for whoever asks if it is well."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from crony_ops.daemon.listen import split_address

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Metric

log = logging.getLogger(__name__)

CONNECTION_LIFE = 30.0
"""Seconds after which, or after twice as many, a connection is closed, whatever it is at: the next
scrape opens another."""
MOST_CONNECTIONS = 32
RETRY = 30.0


async def expose(
    listen: str, registry: CollectorRegistry, ailments: Callable[[], Sequence[str]]
) -> None:
    """Serve both pages until cancelled; nowhere, if ``listen`` is empty. The first tells of the
    process's tasks, too.

    ``ailments`` says in words what is wrong: then `/healthz` answers 503, else 200. An address
    that can't be had is said once, and tried again now and then: the daemon has more to do.
    """
    if not listen:
        return
    registry.register(_Tasks())
    host, port = split_address(listen)
    runner = web.AppRunner(_pages(registry, ailments), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        complained = False
        while True:
            try:
                await _serve(runner, host, port)
            except OSError as error:
                if not complained:
                    log.warning("no metrics at %s: %s", listen, error)
                complained = True
                await asyncio.sleep(RETRY)
    finally:
        await runner.cleanup()


class _Tasks(Collector):
    def collect(self) -> Iterable[Metric]:
        told = "Tasks of its event loop that have not ended"
        yield GaugeMetricFamily("process_asyncio_tasks", told, value=len(asyncio.all_tasks()))


def _pages(registry: CollectorRegistry, ailments: Callable[[], Sequence[str]]) -> web.Application:
    async def metrics(_: web.Request) -> web.Response:
        return web.Response(
            body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    async def health(_: web.Request) -> web.Response:
        reasons = list(ailments())
        return web.Response(
            text=json.dumps({"healthy": not reasons, "reasons": reasons}) + "\n",
            status=503 if reasons else 200,
            content_type="application/json",
        )

    app = web.Application(client_max_size=1024)
    app.add_routes([web.get("/metrics", metrics), web.get("/healthz", health)])
    return app


async def _serve(runner: web.AppRunner, host: str, port: int) -> None:
    """Until cancelled. Raises OSError where the address can't be had."""
    pages = runner.server
    assert pages is not None
    loop = asyncio.get_running_loop()

    def connection() -> asyncio.BaseProtocol:
        # A burst is accepted before any of it counts, so the newest are turned away once it does.
        loop.call_later(0.0, turn_away)
        return pages()

    def turn_away() -> None:
        for handler in pages.connections[MOST_CONNECTIONS:]:
            handler.force_close()

    server = await loop.create_server(connection, host, port)
    try:
        at = server.sockets[0].getsockname()
        log.info("metrics at http://%s:%d/metrics", f"[{host}]" if ":" in host else host, at[1])
        before = pages.connections
        while True:
            await asyncio.sleep(CONNECTION_LIFE)
            for handler in set(before).intersection(pages.connections):
                handler.force_close()
            before = pages.connections
    finally:
        server.close()
