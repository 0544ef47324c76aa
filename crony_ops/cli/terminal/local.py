"""Whether the etcd that a command asks is that of a cluster on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crony_ops.cli.terminal.connection import LOCAL_CLUSTER

if TYPE_CHECKING:
    from pathlib import Path

    from crony_ops.local.folder import ClusterFolder
    from crony_ops.store.settings import EtcdSettings


def local_cluster(settings: EtcdSettings, folder: Path) -> ClusterFolder | None:
    """The one whose folder stands above ``folder``, if its etcd is the very one that is asked."""
    files = (parent / LOCAL_CLUSTER for parent in (folder, *folder.parents))
    cluster_file = next((file for file in files if file.is_file()), None)
    if cluster_file is None:
        return None
    from crony_ops.local.folder import ClusterFolder

    cluster = ClusterFolder(cluster_file.parent)
    ports = cluster.last_ports()
    if ports is None or settings.addresses != (f"127.0.0.1:{ports[0]}",):
        return None
    return cluster
