"""A lab: its hosts, and this machine as their controller."""

from __future__ import annotations

import itertools
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from tests.hosts.lab.command import Outcome, run
from tests.hosts.lab.ground import NUMBERS, Ground
from tests.hosts.lab.host import Host
from tests.hosts.lab.inventory import REPOSITORY, write_inventory
from tests.hosts.lab.packages import packages


class Lab:
    """Ends with its context, or with this process, however that ends: nothing of it stays.

    Whatever speaks with a host must run in the lab (`run`, `spawn`); a test itself is outside.
    """

    def __init__(self) -> None:
        """Takes minutes the first time on a machine. Raises CannotRun where there can be none."""
        self._ground = Ground()
        self._hosts = {number: Host(self._ground, number) for number in NUMBERS}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        for host in self._hosts.values():
            host.close()
        self._ground.close()

    @property
    def folder(self) -> Path:
        """A folder of the lab's own, on this machine's disk."""
        return self._ground.folder

    @property
    def hosts(self) -> tuple[Host, ...]:
        """All that can be, from h1 on, whether they run or not."""
        return tuple(self._hosts.values())

    def host(self, number: int) -> Host:
        """A host by its number, from 1 on; bare and without power until it is started."""
        return self._hosts[number]

    def boot(self, count: int) -> tuple[Host, ...]:
        """The hosts from h1 on, ``count`` of them, running: those that don't are started."""
        wanted = self.hosts[:count]
        started = [host for host in wanted if not host.running]
        for host in started:
            host.power_on()
        for host in started:
            host.booted()
        return wanted

    def run(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        check: bool = True,
        timeout: float = 60,
        stdin: str = "",
    ) -> Outcome:
        """Run a command of this machine where the hosts' network is, in the repository's folder
        or in ``cwd``; ``env`` adds to this one's.

        Raises CommandFailed with all it printed if it fails and ``check`` is set, or lasts longer
        than ``timeout`` seconds.
        """
        inside = self.inside(argv, env=env, cwd=cwd)
        return run(inside, shown=argv, check=check, timeout=timeout, stdin=stdin)

    def inside(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> list[str]:
        """The command that does from outside what ``argv`` does inside: for what `run` is not."""
        # The programs beside the Python that runs the tests: Ansible's and crony-ops.
        path = f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}"
        return self._ground.room.inside(argv, {"PATH": path, **(env or {})}, cwd or REPOSITORY)

    def inventory(self, name: str, groups: Mapping[str, Sequence[Host]], **variables: Any) -> Path:
        """A new folder with the example's inventory, of these hosts and with these variables.

        ``groups``: etcd, watchers, and each group of nodes (or all of them as ``nodes``). What
        hosts install comes from this machine: etcd as packages (or as the binaries in the folder
        that CRONY_HOSTS_ETCD names), the rest from the wheelhouse.
        """
        connection = {
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(self._ground.key),
            "ansible_ssh_common_args": shlex.join(self.ssh_options),
            # Another lab's hosts have the same addresses, and this folder is each lab's own.
            "ansible_control_path_dir": "/run/ansible",
        }
        binaries = os.environ.get("CRONY_HOSTS_ETCD")
        etcd = (
            {"crony_etcd_binary": binaries}
            if binaries
            else {"crony_etcd_packages": str(packages("etcd-server", "etcd-client"))}
        )
        wheels = {"crony_wheelhouse": str(REPOSITORY / "dist/wheelhouse")}
        given = {**connection, **etcd, **wheels, **variables}
        return write_inventory(self.folder / name, groups, given)

    @property
    def ssh_options(self) -> tuple[str, ...]:
        """For ssh, by which it trusts the lab's hosts and they let it in as root."""
        told = {
            "IdentityFile": self._ground.key,
            "UserKnownHostsFile": self._ground.known_hosts,
            "ConnectTimeout": 5,
            "ServerAliveInterval": 2,
            "ServerAliveCountMax": 2,
        }
        options = (("-o", f"{name}={value}") for name, value in told.items())
        return ("-F", "none", *itertools.chain.from_iterable(options))

    def split(self, *hosts: Host) -> None:
        """These no longer reach one another; all else goes on."""
        for host in hosts:
            self._isolate(host, "on")

    def join(self) -> None:
        """All hosts reach one another again."""
        for host in self.hosts:
            if host.running:
                self._isolate(host, "off")

    def _isolate(self, host: Host, state: str) -> None:
        self._ground.room.do("bridge", "link", "set", "dev", host.name, "isolated", state)
