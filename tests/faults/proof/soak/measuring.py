"""What is measured of the cluster: of the daemons by their own pages, of etcd by its members'."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING

import aiohttp

from crony_ops.errors import StoreError
from tests.faults.proof.company import ETCDS, NODES, WATCHERS
from tests.faults.proof.soak.growth import Measure, Point, Series
from tests.scraping import scrape

if TYPE_CHECKING:
    from tests.faults.proof.cluster import ProofCluster

EVERY = 5.0
"""Seconds between two measurements."""
_MIB = 1024 * 1024

OF_DAEMONS: Mapping[str, tuple[Measure, float]] = {
    "process_resident_memory_bytes": (Measure("memory", " MiB", per_hour=8, least=1), _MIB),
    "process_open_fds": (Measure("descriptor count", "", per_hour=30, least=5), 1),
    "process_asyncio_tasks": (Measure("task count", "", per_hour=60, least=10), 1),
}
"""By its name on the page, each with how much of it there is in a unit."""
OF_MEMBERS: Mapping[str, tuple[Measure, float]] = {
    "etcd_mvcc_db_total_size_in_use_in_bytes": (
        Measure("size in use", " MiB", per_hour=6, least=1),
        _MIB,
    ),
}
REVISIONS = Measure("revision rate", "/s", per_hour=40, least=5)
"""Of etcd as a whole."""


class Measuring:
    def __init__(self, cluster: ProofCluster) -> None:
        self._cluster = cluster
        self._points: dict[tuple[str, Measure], list[Point]] = defaultdict(list)
        self._revision: Point | None = None

    @property
    def series(self) -> list[Series]:
        """All that was measured so far: process by process, agents first."""
        found = [Series(process, what, points) for (process, what), points in self._points.items()]
        company = (*NODES, *WATCHERS, *ETCDS)
        return sorted(found, key=lambda one: company.index(one.process))

    async def run(self) -> None:
        """Until cancelled. Raises LocalClusterFailed where a process has ended by itself."""
        pages = {name: _page(self._cluster.child(name).log) for name in (*NODES, *WATCHERS)}
        pages |= {name: f"http://{self._cluster.endpoint(name)}/metrics" for name in ETCDS}
        began = time.monotonic()
        async with aiohttp.ClientSession() as http:
            while True:
                self._cluster.check()
                # What can't be had now is had the next time.
                with contextlib.suppress(StoreError, aiohttp.ClientError):
                    _, revision = await self._cluster.store.head()
                    at = time.monotonic() - began
                    self._take_revision(at, revision)
                    read = await asyncio.gather(*(scrape(http, url) for url in pages.values()))
                    for process, page in zip(pages, read, strict=True):
                        self._take_page(at, process, page)
                await asyncio.sleep(EVERY)

    def _take_revision(self, at: float, revision: int) -> None:
        if self._revision is not None:
            since, before = self._revision
            rate = (revision - before) / (at - since)
            self._points[ETCDS[0], REVISIONS].append((at, rate))
        self._revision = (at, revision)

    def _take_page(self, at: float, process: str, page: Mapping[tuple[str, str], float]) -> None:
        for name, (measure, unit) in (OF_MEMBERS if process in ETCDS else OF_DAEMONS).items():
            self._points[process, measure].append((at, page[name, ""] / unit))


def _page(log: str) -> str:
    """Where a daemon's own log says that its page is."""
    found: list[str] = re.findall(r"metrics at (http\S+)", log)
    return found[-1]
