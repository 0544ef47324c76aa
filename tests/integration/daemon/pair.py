"""An agent and a watcher, logging JSON, with an etcd that is theirs to lose."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import yaml

from crony_ops.catalog import load_catalog
from crony_ops.local.child import Child
from crony_ops.local.evidence import Evidence
from crony_ops.local.waiting import wait_until
from crony_ops.store import Etcd, EtcdSettings
from crony_ops.store.keys import Keys
from crony_ops.sync.syncing import Wish, sync
from tests.scraping import scrape

if TYPE_CHECKING:
    from tests.etcd_server import EtcdServer


class Daemon(Child):
    def __init__(self, name: str, module: str, folder: Path, settings: Mapping[str, Any]) -> None:
        self._config = folder / f"{name}.yaml"
        self._settings = settings
        command = [sys.executable, "-m", module, "--config", str(self._config)]
        command += ["--log-format", "json"]
        super().__init__(name, command, folder / f"{name}.log", os.environ)
        self.configure()

    def configure(self, **changes: Any) -> None:
        """For its next life."""
        self._config.write_text(yaml.safe_dump({**self._settings, **changes}))

    def events(self) -> list[dict[str, Any]]:
        """Every line of its log. Each has to parse."""
        return [json.loads(line) for line in self.log.splitlines()]

    def address(self) -> str:
        """Where it listens; empty before it has said so."""
        said = [e["message"] for e in self.events() if e["message"].startswith("metrics at ")]
        return said[-1].removeprefix("metrics at ").removesuffix("/metrics") if said else ""


class Pair:
    def __init__(self, folder: Path, server: EtcdServer, store: Etcd, **node: Any) -> None:
        etcd = {"endpoints": [server.endpoint]}
        common = {"etcd": etcd, "ttl": 3, "listen": "127.0.0.1:0"}
        self.folder = folder
        self.store = store
        self.keys = Keys()
        self.evidence = Evidence(store, self.keys)
        self.watcher = Daemon("w1", "crony_ops.watcher.main", folder, {**common, "id": "w1"})
        self.node = Daemon(
            "web-1",
            "crony_ops.node.main",
            folder,
            {**common, "name": "web-1", "state_dir": str(folder / "state"), **node},
        )
        self._http = aiohttp.ClientSession()

    async def start(self) -> None:
        for daemon in (self.watcher, self.node):
            daemon.start()
        for daemon in (self.watcher, self.node):
            await self.becomes_well(daemon)

    async def stop(self) -> None:
        await asyncio.gather(*(daemon.terminate() for daemon in (self.node, self.watcher)))
        await self._http.close()

    async def until(self, condition: Any, what: str, timeout: float = 30.0) -> None:
        await wait_until(condition, what, timeout)

    async def sync(self, jobs: Mapping[str, Mapping[str, Any]]) -> None:
        path = self.folder / "jobs" / "all.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump({"jobs": {**jobs}}))
        catalog = load_catalog(path.parent)
        assert not catalog.problems, catalog.problems
        wish = Wish(catalog.specs, catalog.provenance, "me", "here", time.time(), force=True)
        await sync(self.store, self.keys, wish)

    async def health(self, daemon: Daemon) -> tuple[int, list[str]]:
        async with self._http.get(f"{daemon.address()}/healthz") as answer:
            document = await answer.json()
            assert document["healthy"] == (answer.status == 200)
            return answer.status, document["reasons"]

    async def becomes_well(self, daemon: Daemon) -> None:
        async def well() -> bool:
            return bool(daemon.address()) and (await self.health(daemon))[0] == 200

        await self.until(well, f"{daemon.name} is well")

    async def becomes_unwell(self, daemon: Daemon) -> None:
        async def unwell() -> bool:
            return (await self.health(daemon))[0] == 503

        await self.until(unwell, f"{daemon.name} is unwell")

    async def scrape(self, daemon: Daemon) -> dict[tuple[str, str], float]:
        """By the sample's name and the value of its only label, empty where it has none."""
        return await scrape(self._http, f"{daemon.address()}/metrics")


@asynccontextmanager
async def pair(folder: Path, server: EtcdServer, **node: Any) -> AsyncIterator[Pair]:
    async with Etcd(EtcdSettings(endpoints=(server.endpoint,))) as store:
        it = Pair(folder, server, store, **node)
        watching = asyncio.create_task(it.evidence.run())
        try:
            await it.evidence.synced()
            await it.start()
            yield it
        finally:
            await it.stop()
            watching.cancel()
