"""The cluster of the proof: three etcd members, two watchers, five agents, and a link between each
of these clients and each member.

All are processes of this machine. Nothing of them, runs included, outlives this process.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from crony_ops.errors import LocalClusterFailed
from crony_ops.local.child import Child
from crony_ops.local.cluster import ANY_PORT
from crony_ops.local.etcd import member_command, ports_for
from crony_ops.local.folder import ClusterFolder
from crony_ops.local.guardian import Guardian
from crony_ops.local.marked import MARK, end_marked
from crony_ops.local.waiting import wait_until
from crony_ops.model.cluster import Leader
from crony_ops.model.node import Node, node_uuid
from crony_ops.node.settings import NodeSettings
from crony_ops.store import Etcd, EtcdSettings
from crony_ops.store.keys import Keys
from crony_ops.watcher.settings import WatcherSettings
from tests.faults.proof.clock import Clock
from tests.faults.proof.company import ETCDS, NODES, PRESETS, TTL, WATCHERS, WITH_A_DISK
from tests.faults.proof.disk import Disk, holder_command, inside, may_mount
from tests.faults.proof.history import NodeSetup
from tests.faults.proof.proxy import Link

CLUSTER = "proof"
QUOTA = 48 * 2**20
"""Of each etcd member, in bytes: small enough to be reached on purpose."""
EVERYTHING = "0"
"""Of etcd's history, until somebody says what is compacted."""
STOP_GRACE = 5.0

_PATIENCE = 60.0
_REPOSITORY = Path(__file__).parents[3]


class ProofCluster:
    """``store`` is a client of etcd past the links, between start and stop. ``kept``: how much of
    its history etcd keeps, as its command line takes it (`1m`)."""

    store: Etcd

    def __init__(self, folder: Path, *, kept: str = EVERYTHING) -> None:
        self.folder = ClusterFolder(folder)
        self.keys = Keys()
        self.presets = folder.absolute() / "presets"
        self.links: dict[tuple[str, str], Link] = {}
        self.clocks: dict[str, Clock] = {}
        self.disk: Disk | None = None
        self._kept = kept
        self._mark = f"{self.folder.path}:{secrets.token_hex(8)}"
        self._env = {k: v for k, v in os.environ.items() if not k.startswith(("ETCD_", "CRONY_"))}
        self._env |= {MARK: self._mark, "PYTHONPATH": str(_REPOSITORY)}
        self._children: dict[str, Child] = {}
        self._holder: Child | None = None
        self._ports: dict[str, tuple[int, int]] = {}
        self._guardian: Guardian | None = None
        self._open = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Until a watcher leads and every node offers its presets. Raises LocalClusterFailed."""
        self.folder.occupy()
        try:
            await asyncio.to_thread(end_marked, f"{self.folder.path}:")
            self.folder.clear()
            self._guardian = Guardian(self._mark, self.folder.lock, self.folder.log("guardian"))
            await self._start_etcd()
            for client in (*WATCHERS, *NODES):
                for member in ETCDS:
                    link = Link(f"{client}>{member}", self._ports[member][0])
                    self.links[client, member] = await self._open.enter_async_context(link)
            await self._make_disk()
            self._make_watchers()
            self._make_nodes()
            for name in (*WATCHERS, *NODES):
                self.child(name).start()
            await wait_until(self._is_up, "a leader, and every node with its presets", _PATIENCE)
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._stop()

    @property
    def settings(self) -> EtcdSettings:
        """How to reach its etcd past the links."""
        return EtcdSettings(endpoints=tuple(self.endpoint(member) for member in ETCDS))

    def endpoint(self, member: str) -> str:
        return f"127.0.0.1:{self._ports[member][0]}"

    def child(self, name: str) -> Child:
        return self._children[name]

    def check(self) -> None:
        """Raises LocalClusterFailed for a process that ended by itself: nobody starts it again, so
        that it can't go unnoticed."""
        for child in self._children.values():
            # A negative status is a signal: somebody ended it on purpose.
            if (child.exit_status or 0) > 0:
                last = child.log.strip().rpartition("\n")[2]
                raise LocalClusterFailed(
                    reason=f"{child.name} ended by itself with {child.exit_status}: {last}"
                )

    def links_of(self, name: str) -> list[Link]:
        """Of a client to all members, or of a member to all clients."""
        return [link for ends, link in self.links.items() if name in ends]

    def nodes(self) -> dict[str, NodeSetup]:
        return {
            name: NodeSetup(uuid=node_uuid(CLUSTER, name), groups=groups, presets=presets)
            for name, (groups, presets) in NODES.items()
        }

    async def leader(self) -> str:
        """The watcher that leads; empty while none does. Raises StoreError."""
        entry = await self.store.get(self.keys.leader)
        return Leader.from_json(entry.value).id if entry is not None else ""

    async def member_that_leads(self) -> str:
        """The etcd member that leads; empty while none does."""
        members = await self.store.members()
        return next((member.name for member in members if member.is_leader), "")

    async def registered(self) -> dict[str, Node]:
        """By name: the nodes whose key is there. Raises StoreError."""
        found = (await self.store.range(self.keys.nodes)).entries
        return {node.name: node for node in (Node.from_json(entry.value) for entry in found)}

    def usage(self) -> dict[str, tuple[int, int]]:
        """Descriptors and resident bytes of each daemon that lives."""
        return {
            name: (process.num_fds(), process.memory_info().rss)
            for name in (*WATCHERS, *NODES)
            if self.child(name).alive
            for process in [psutil.Process(self.child(name).pid)]
        }

    def living_runs(self) -> dict[int, tuple[str, str]]:
        """Job and run of each process that a run of this cluster still has."""
        return dict(_runs_marked(self._mark))

    async def stop_daemons(self) -> None:
        """In order: agents claim no more and let their runs end, then the watchers end."""
        for names in (NODES, WATCHERS):
            for name in names:
                self.child(name).ask_to_end()
            ends = (self.child(name).terminate(STOP_GRACE + 15) for name in names)
            await asyncio.gather(*ends)

    async def _stop(self) -> None:
        try:
            await self._open.aclose()
            for child in self._children.values():
                child.ask_to_end()
            ends = (child.terminate(STOP_GRACE) for child in self._children.values())
            await asyncio.gather(*ends)
        finally:
            if self._guardian is not None:
                self._guardian.dismiss()
            if self.folder.lock >= 0:
                self.folder.vacate()

    async def _start_etcd(self) -> None:
        self._ports = dict(zip(ETCDS, ports_for(len(ETCDS)), strict=True))
        for name in ETCDS:
            command = member_command(name, self.folder.state(name), self._ports)
            command += ["--auto-compaction-retention", self._kept]
            self._child(name, [*command, "--quota-backend-bytes", str(QUOTA)]).start()
        self.store = await self._open.enter_async_context(Etcd(self.settings))

        async def answers() -> bool:
            self.check()
            return await self.store.head() is not None

        await wait_until(answers, "etcd answers", _PATIENCE)

    async def _make_disk(self) -> None:
        if not may_mount():
            return
        folder = self.folder.state(WITH_A_DISK)
        folder.mkdir()
        self._holder = self._child("disk", holder_command(folder))
        self._holder.start()
        disk = self.disk = Disk(self._holder.pid, folder)
        await wait_until(lambda: disk.mounted, "a disk for one agent")

    def _make_watchers(self) -> None:
        for name in WATCHERS:
            settings = WatcherSettings.model_validate(
                {
                    **self._common(name),
                    "id": name,
                    "cmd_auto_allocation": True,
                    "reconcile_every": 5,
                }
            )
            self._daemon(name, "crony_ops.watcher.main", settings.model_dump(mode="json"))

    def _make_nodes(self) -> None:
        self.presets.mkdir()
        for preset, line in PRESETS.items():
            script = f"#!/bin/sh\nprintf '{line}\\n' >\"$CRONY_PRESET_ENV\"\n"
            (self.presets / f"{preset}.sh").write_text(script)
        for name, (groups, presets) in NODES.items():
            offered = self.folder.path / "offered" / name
            offered.mkdir(parents=True)
            for preset in presets:
                (offered / f"{preset}.sh").symlink_to(self.presets / f"{preset}.sh")
            settings = NodeSettings.model_validate(
                {
                    **self._common(name),
                    "name": name,
                    "ip": "127.0.0.1",
                    "groups": groups,
                    "state_dir": self.folder.state(name),
                    "presets_dir": offered,
                    "stop_grace": STOP_GRACE,
                    "env": {MARK: self._mark},
                }
            )
            self._daemon(name, "crony_ops.node.main", settings.model_dump(mode="json"))

    def _common(self, name: str) -> dict[str, Any]:
        ports = [self.links[name, member].port for member in ETCDS]
        endpoints = [f"127.0.0.1:{port}" for port in ports]
        return {
            "etcd": {"endpoints": endpoints},
            "cluster": CLUSTER,
            "ttl": TTL,
            "listen": ANY_PORT,
        }

    def _daemon(self, name: str, module: str, settings: dict[str, Any]) -> None:
        config = self.folder.write_config(name, settings)
        clock = self.clocks[name] = Clock(self.folder.path / f"{name}.clock")
        command = clock.command(module, "--config", str(config))
        if name == WITH_A_DISK and self._holder is not None:
            command = inside(self._holder.pid, command)
        self._child(name, command)

    def _child(self, name: str, command: list[str]) -> Child:
        child = self._children[name] = Child(name, command, self.folder.log(name), self._env)
        return child

    async def _is_up(self) -> bool:
        self.check()
        registered = await self.registered()
        ready = all(
            name in registered and set(registered[name].presets) >= set(presets)
            for name, (_, presets) in NODES.items()
        )
        return ready and bool(await self.leader())


def _runs_marked(mark: str) -> Iterator[tuple[int, tuple[str, str]]]:
    for process in psutil.process_iter():
        try:
            env = process.environ()
        except psutil.Error:
            continue
        if env.get(MARK) == mark and "CRONY_RUN" in env:
            yield process.pid, (env["CRONY_JOB"], env["CRONY_RUN"])
