"""A leader's delivery of alerts on its own: over a real etcd, to whatever servers a test has."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from crony_ops.alerts.settings import AlertSettings
from crony_ops.local.waiting import wait_until
from crony_ops.model.alert import Alert, Severity
from crony_ops.store import Batcher, Etcd, Mirror, create_is, put
from crony_ops.store.txn import Txn
from crony_ops.watcher.delivery import Delivery as Delivering
from crony_ops.watcher.metrics import WatcherMetrics
from crony_ops.watcher.view import View

if TYPE_CHECKING:
    from crony_ops.store.keys import Keys
    from crony_ops.watcher.outbox import Unnoted


def failed(job: str, n: int = 0, **fields: Any) -> Alert:
    """A job's failure, as the rules make it."""
    return Alert(
        **{
            "id": f"failure.{job}.{n}",
            "cause": "failure",
            "severity": Severity.warning,
            "title": f"{job} failed",
            "message": "exit 1",
            "reason": "exit 1",
            "at": time.time(),
            "job": job,
            **fields,
        }
    )


class PostOffice:
    """``metrics`` and ``unnoted`` outlive its terms, as they do in a watcher."""

    def __init__(self, etcd: Etcd, keys: Keys, alerts: dict[str, Any]) -> None:
        self.etcd = etcd
        self.keys = keys
        self.settings = AlertSettings.model_validate(alerts)
        self.metrics = WatcherMetrics()
        self.unnoted: Unnoted = {}
        self.stalled = 0.0

    @asynccontextmanager
    async def leading(self, fit: Callable[[], bool] = lambda: True) -> AsyncIterator[None]:
        """A term of leadership, that ends as a leader's does that is killed: wherever it is."""
        term = await self.etcd.put(self.keys.leader, b"me")
        delivery: Delivering | None = None

        def changed(_: object) -> None:
            if delivery is not None:
                delivery.wake()

        mirror = Mirror(self.etcd, View.prefixes(self.keys), on_change=changed)
        batcher = Batcher(self.etcd, guard=(create_is(self.keys.leader, term),))
        view = View(mirror, self.keys, cmd_auto_allocation=False)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(mirror.run()), group.create_task(batcher.run())]
            await mirror.synced()
            delivery = Delivering(
                view,
                batcher,
                self.settings,
                self.metrics,
                self.unnoted,
                fit_to_send=fit,
                stalled=lambda: self.stalled,
            )
            tasks.append(group.create_task(delivery.run()))
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await self.etcd.delete(self.keys.leader)

    async def lead(self, seconds: float) -> None:
        async with self.leading():
            await asyncio.sleep(seconds)

    async def make(self, alerts: Iterable[Alert]) -> None:
        ops = [put(self.keys.alert(alert.id), alert.to_json()) for alert in alerts]
        for n in range(0, len(ops), 100):
            await self.etcd.txn(Txn((), tuple(ops[n : n + 100])))

    async def alerts(self) -> dict[str, Alert]:
        entries = (await self.etcd.range(self.keys.alerts)).entries
        found = (Alert.from_json(entry.value) for entry in entries)
        return {alert.id: alert for alert in found}

    async def until(
        self, holds: Callable[[dict[str, Alert]], bool], what: str, timeout: float = 20.0
    ) -> None:
        async def they_are() -> bool:
            return holds(await self.alerts())

        await wait_until(they_are, what, timeout)

    def counted(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(f"crony_watcher_{name}", labels) or 0.0
