"""kill -9 of the leading watcher at random moments while alerts flow: each arrives, whoever leads.

`CRONY_KILLS=50` makes it fifty kills.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections import Counter
from pathlib import Path

import pytest
from aiohttp import web

from crony_ops.model.alert import Alert, DeliveryState, Severity
from tests.faults.scene import Scene, scene
from tests.integration.alerts.servers import http_server

KILLS = int(os.environ.get("CRONY_KILLS", "3"))


def an_alert(n: int) -> Alert:
    """To people of its own, so that none is told of in a digest."""
    return Alert(
        id=f"failure.job-{n}.0",
        cause="failure",
        severity=Severity.warning,
        title=f"job-{n} failed",
        message="exit 1",
        reason="exit 1",
        at=time.time(),
        job=f"job-{n}",
        to=(f"owner-{n}@x.test",),
    )


@pytest.mark.timeout(180 + 10 * KILLS)
async def test_no_alert_is_lost_and_what_comes_twice_has_the_same_key(tmp_path: Path) -> None:
    chance = random.Random(KILLS)

    async def at_its_own_pace(_: web.BaseRequest) -> web.StreamResponse:
        await asyncio.sleep(chance.uniform(0, 0.1))
        return web.Response(text="ok")

    async with http_server(at_its_own_pace) as endpoint:
        channels = {"hook": {"type": "webhook", "url": f"{endpoint.url}/hook"}}
        overrides = {"watcher": {"alerts": {"channels": channels}}}
        async with scene(tmp_path, nodes=1, watchers=2, overrides=overrides) as it:
            made: list[str] = []
            flow = asyncio.create_task(_keep_making(it, made))
            try:
                for _ in range(KILLS):
                    await _kill_the_leader(it, chance.uniform(0, 1.5))
            finally:
                flow.cancel()

            async def all_arrived() -> bool:
                ours = [alert for alert in await it.alerts() if alert.id in made]
                return all(
                    alert.deliveries and alert.deliveries["hook"].state is DeliveryState.delivered
                    for alert in ours
                )

            await it.until(all_arrived, "every alert is delivered", timeout=120)
    arrived = Counter(request.headers["Idempotency-Key"] for request in endpoint.requests)
    lost = [alert_id for alert_id in made if alert_id not in arrived]
    assert lost == []
    # A kill repeats the one message that was under way.
    twice = {alert_id: count for alert_id, count in arrived.items() if count > 1}
    assert sum(count - 1 for count in twice.values()) <= KILLS
    bodies = {(request.headers["Idempotency-Key"], request.body) for request in endpoint.requests}
    assert len(bodies) == len(arrived)


async def _keep_making(it: Scene, made: list[str]) -> None:
    """As a leader does it: whole, or not at all."""
    while True:
        alert = an_alert(len(made))
        await it.cluster.store.put(it.cluster.keys.alert(alert.id), alert.to_json())
        made.append(alert.id)
        await asyncio.sleep(0.4)


async def _kill_the_leader(it: Scene, after: float) -> None:
    await asyncio.sleep(after)
    leader = await it.cluster.leader()
    watcher = it.cluster.node(leader)
    watcher.kill()

    async def another_leads() -> bool:
        return await it.cluster.leader() not in ("", leader)

    await it.until(another_leads, "another watcher leads")
    watcher.start()
