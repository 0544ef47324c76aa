"""A whole cluster on this machine: etcd, watchers and agents, as processes of their own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from crony_ops.errors import LocalClusterFailed
from crony_ops.local.child import Child
from crony_ops.local.etcd import choose_ports, etcd_command
from crony_ops.local.folder import ClusterFolder
from crony_ops.local.guardian import Guardian
from crony_ops.local.marked import MARK, end_marked
from crony_ops.local.waiting import wait_until
from crony_ops.model.cluster import Leader
from crony_ops.model.node import Node, node_uuid
from crony_ops.node.settings import NodeSettings
from crony_ops.store import Etcd, EtcdSettings
from crony_ops.store.keys import Keys
from crony_ops.sync.syncing import Synced, Wish, sync
from crony_ops.watcher.settings import WatcherSettings

if TYPE_CHECKING:
    from crony_ops.catalog import Catalog

CLUSTER = "local"
TTL = 3
STOP_GRACE = 5.0
ANY_PORT = "127.0.0.1:0"
"""For `/metrics` and `/healthz`: each daemon's log says which it got."""

_GROUPS = {3: ("db",)}
_PORT_TRIES = 5


class LocalCluster:
    """``node-1`` … in the group web, but ``node-3`` in db; ``watcher-1`` …; ``etcd``.

    ``overrides`` changes settings: of all nodes under ``node``, of all watchers under ``watcher``,
    of one process under its name. ``presets`` are the scripts of those that the nodes offer: what
    others would install is nothing for somebody's own machine. etcd gets the ports for clients and
    peers that the folder's last cluster had, else ``ports``, if they are free. ``fresh`` forgets
    what the last cluster left.

    ``store`` is a client of its etcd between start and stop. Nothing of the cluster, runs included,
    outlives this process, not even when it is killed.
    """

    store: Etcd

    def __init__(
        self,
        data_dir: Path,
        *,
        nodes: int = 3,
        watchers: int = 1,
        presets: Iterable[Path] = (),
        overrides: Mapping[str, Mapping[str, Any]] | None = None,
        ports: tuple[int, int] | None = None,
        fresh: bool = False,
    ) -> None:
        self.folder = ClusterFolder(data_dir)
        self.keys = Keys()
        self._presets = tuple(presets)
        self._overrides = overrides or {}
        self._ports = ports
        self._fresh = fresh
        self._mark = f"{self.folder.path}:{secrets.token_hex(8)}"
        self._env = {k: v for k, v in os.environ.items() if not k.startswith(("ETCD_", "CRONY_"))}
        self._env[MARK] = self._mark
        self._numbers = {f"node-{n}": n for n in range(1, nodes + 1)}
        self._watcher_ids = [f"watcher-{n}" for n in range(1, watchers + 1)]
        self._children: dict[str, Child] = {}
        self._guardian: Guardian | None = None
        self._clients = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    @property
    def etcd(self) -> Child:
        return self._children["etcd"]

    @property
    def nodes(self) -> list[Child]:
        return [self._children[name] for name in self._numbers]

    @property
    def watchers(self) -> list[Child]:
        return [self._children[name] for name in self._watcher_ids]

    def node(self, name: str) -> Child:
        return self._children[name]

    def watcher(self, number: int) -> Child:
        return self._children[f"watcher-{number}"]

    @property
    def settings(self) -> EtcdSettings:
        """How to reach its etcd."""
        ports = self.folder.last_ports()
        assert ports is not None, "not started"
        return EtcdSettings(endpoints=(f"127.0.0.1:{ports[0]}",))

    def uuid(self, name: str) -> str:
        return node_uuid(CLUSTER, name)

    async def start(self) -> None:
        """Until a watcher leads and every node is registered.

        Raises ClusterInUse, and LocalClusterFailed where a process does not come up; then nothing
        is left running.
        """
        self.folder.occupy()
        try:
            # Should a guardian have been killed, too, its cluster may still be about.
            await asyncio.to_thread(end_marked, f"{self.folder.path}:")
            if self._fresh:
                self.folder.clear()
            self._guardian = Guardian(self._mark, self.folder.lock, self.folder.log("guardian"))
            await self._start_etcd()
            began = time.time()
            self._make_daemons()
            for daemon in (*self.watchers, *self.nodes):
                daemon.start()
            await self.wait_until(lambda: self._is_up(began), "a leader, and every node registered")
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """In order: agents let their runs end for a few seconds, then watchers, then etcd. What is
        left then is killed."""
        try:
            await self._clients.aclose()
            for some in (self._numbers, self._watcher_ids, ["etcd"]):
                ending = [self._children[name] for name in some if name in self._children]
                for child in ending:
                    child.ask_to_end()
                await asyncio.gather(*(child.terminate(STOP_GRACE + 5) for child in ending))
        finally:
            if self._guardian is not None:
                self._guardian.dismiss()
                self._guardian = None
            if self.folder.lock >= 0:
                self.folder.vacate()

    async def wait_until(self, condition: Any, what: str, timeout: float = 20.0) -> None:
        """As ``waiting.wait_until``; a daemon that ended by itself meanwhile is the better reason.

        Raises LocalClusterFailed.
        """

        async def holds() -> bool:
            self._check_daemons()
            answer = condition()
            return bool(answer if isinstance(answer, bool) else await answer)

        await wait_until(holds, what, timeout)

    async def sync(self, catalog: Catalog) -> Synced:
        """Make the cluster's jobs those of the catalog, which has no problems. Raises StoreError.

        Forced: nobody else works with this cluster, and trying out older commits is fair.
        """
        wish = Wish(
            specs=catalog.specs,
            provenance=catalog.provenance,
            who="local",
            host="localhost",
            now=time.time(),
            force=True,
        )
        return await sync(self.store, self.keys, wish)

    async def living_nodes(self) -> dict[str, Node]:
        """By name: those whose key is there. Raises StoreError."""
        found = (await self.store.range(self.keys.nodes)).entries
        return {node.name: node for node in (Node.from_json(entry.value) for entry in found)}

    async def leader(self) -> str:
        """The name of the watcher that leads; empty while none does. Raises StoreError."""
        entry = await self.store.get(self.keys.leader)
        return Leader.from_json(entry.value).id if entry is not None else ""

    async def holders(self) -> dict[str, tuple[str, ...]]:
        """The names of the nodes that each job is assigned to. Raises StoreError."""
        names = {self.uuid(name): name for name in self._numbers}
        holders: dict[str, tuple[str, ...]] = {}
        for entry in (await self.store.range(self.keys.jobs, keys_only=True)).entries:
            uuid, _, job_id = entry.key.removeprefix(self.keys.jobs).partition("/")
            holders[job_id] = (*holders.get(job_id, ()), names.get(uuid, uuid))
        return holders

    async def _start_etcd(self) -> None:
        wanted = self.folder.last_ports() or self._ports
        for _ in range(_PORT_TRIES):
            ports = choose_ports(wanted)
            self.folder.note_ports(ports)
            etcd = self._child("etcd", etcd_command(self.folder.etcd_data, ports))
            seen = etcd.log_file.stat().st_size if etcd.log_file.exists() else 0
            etcd.start()
            client = await self._clients.enter_async_context(Etcd(self.settings))

            async def answers(etcd: Child = etcd, client: Etcd = client) -> bool:
                return not etcd.alive or await client.head() is not None

            await wait_until(answers, "etcd answers")
            if etcd.alive:
                self.store = client
                return
            if "address already in use" not in etcd.log[seen:]:
                break
            wanted = None
        raise LocalClusterFailed(
            reason=f"etcd ended with status {etcd.exit_status}: see {etcd.log_file}"
        )

    def _make_daemons(self) -> None:
        etcd = self.settings.model_dump(mode="json", include={"endpoints"})
        for name in self._watcher_ids:
            watcher = {"id": name, "cmd_auto_allocation": True, **self._override("watcher", name)}
            settings = WatcherSettings.model_validate(
                {"etcd": etcd, "cluster": CLUSTER, "ttl": TTL, "listen": ANY_PORT, **watcher}
            )
            self._daemon(name, "crony_ops.watcher.main", settings.model_dump(mode="json"))
        presets_dir = self.folder.link_presets(self._presets)
        for name, number in self._numbers.items():
            node = {
                "etcd": etcd,
                "cluster": CLUSTER,
                "name": name,
                "ip": "127.0.0.1",
                "groups": _GROUPS.get(number, ("web",)),
                "state_dir": self.folder.state(name),
                "presets_dir": presets_dir,
                "ttl": TTL,
                "listen": ANY_PORT,
                "stop_grace": STOP_GRACE,
                **self._override("node", name),
            }
            node["env"] = {**node.get("env", {}), MARK: self._mark}
            self._daemon(
                name,
                "crony_ops.node.main",
                NodeSettings.model_validate(node).model_dump(mode="json"),
            )

    def _override(self, kind: str, name: str) -> dict[str, Any]:
        return {**self._overrides.get(kind, {}), **self._overrides.get(name, {})}

    def _daemon(self, name: str, module: str, settings: dict[str, Any]) -> None:
        config = self.folder.write_config(name, settings)
        self._child(name, [sys.executable, "-m", module, "--config", str(config)])

    def _child(self, name: str, command: list[str]) -> Child:
        child = self._children[name] = Child(name, command, self.folder.log(name), self._env)
        return child

    async def _is_up(self, since: float) -> bool:
        """Not by the keys of an earlier cluster in the same folder, which live on for a TTL."""
        entry = await self.store.get(self.keys.leader)
        if self._watcher_ids and (entry is None or Leader.from_json(entry.value).since < since):
            return False
        living = await self.living_nodes()
        return all(n.name in living and living[n.name].pid == n.pid for n in self.nodes)

    def _check_daemons(self) -> None:
        for child in self._children.values():
            status = child.exit_status
            # A negative one is a signal: somebody ended it on purpose.
            if status is not None and status > 0:
                last = child.log.strip().rpartition("\n")[2]
                raise LocalClusterFailed(reason=f"{child.name} ended with {status}: {last}")
