"""A real etcd that knows its clients by their certificates, and what each of them may do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crony_ops.fleet.access import access, node_user, watcher_user
from crony_ops.fleet.authority import issued
from crony_ops.fleet.certificate import Wanted
from crony_ops.fleet.granting import as_user, grant
from crony_ops.model.node import node_uuid
from crony_ops.store import Etcd, EtcdSettings
from crony_ops.store.keys import Keys
from tests.etcd_server import EtcdServer, Tls, memory_folder

CLUSTER = "guarded"
NODES = ("h1", "h2")
USERS = ("root", "operator", watcher_user("w1"), *map(node_user, NODES))


class Guarded:
    """``grant`` turns authentication on; before that every certificate is good for all."""

    def __init__(self, server: EtcdServer, pki: Path) -> None:
        self.server = server
        self.pki = pki
        self.keys = Keys()
        self.access = access(
            self.keys, CLUSTER, nodes=NODES, watchers=["w1"], operators=["operator"]
        )

    def settings(self, user: str) -> EtcdSettings:
        settings = as_user(user, (self.server.endpoint,), self.pki, self.keys.root)
        return settings.model_copy(update={"request_timeout": 3.0})

    def client(self, user: str) -> Etcd:
        return Etcd(self.settings(user))

    def uuid(self, node: str) -> str:
        return node_uuid(CLUSTER, node)

    async def grant(self) -> None:
        async with self.client("root") as root:
            await grant(root, self.access, [])


@contextmanager
def guarded_etcd(binary: Path, folder: Path) -> Iterator[Guarded]:
    pki = folder / "pki"
    issued(pki, Wanted.of("etcd-1", names=["127.0.0.1"], usage=["server", "client"]))
    for user in (*USERS, "stranger"):
        issued(pki, Wanted.of(user))
    names = ("ca.pem", "etcd-1.pem", "etcd-1.key", "root.pem", "root.key")
    server = EtcdServer(binary, memory_folder(), tls=Tls(*(pki / name for name in names)))
    try:
        yield Guarded(server.start(), pki)
    finally:
        server.remove()
