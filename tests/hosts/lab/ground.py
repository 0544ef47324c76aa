"""What the hosts of a lab stand on: a room, a folder, a base system, addresses and keys."""

from __future__ import annotations

import fcntl
import ipaddress
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.hosts.lab import control_group, needs
from tests.hosts.lab.base import base_system
from tests.hosts.lab.cache import cache, one_at_a_time
from tests.hosts.lab.room import Room

_NETWORK = ipaddress.IPv4Network("10.77.0.0/24")
NUMBERS = range(1, 10)


class Ground:
    """A lab's own; only the base system is everybody's.

    ``folder`` is on this machine's disk, as everybody sees it, and goes with the lab. ``cgroup`` is
    a path as seen from outside of the room. ``key`` opens every host, which ``known_hosts`` names.
    """

    def __init__(self) -> None:
        """Raises CannotRun."""
        needs.check()
        self.base = base_system()
        self.room = Room(f"{_NETWORK[1]}/{_NETWORK.prefixlen}")
        groups = self.room.root / "sys/fs/cgroup"
        labs = cache() / "labs"
        labs.mkdir(exist_ok=True)
        with one_at_a_time("labs"):
            for folder in labs.iterdir():
                _sweep(folder, groups)
            self.folder = Path(tempfile.mkdtemp(prefix="lab-", dir=labs))
            # Ours, and that we live: nobody else clears it up.
            self._lock = (self.folder / "lock").open("w")
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        self.cgroup = groups / _group_of(self.folder)
        self.key = self.folder / "key"
        _make_key(self.key)
        self.known_hosts = self.folder / "known_hosts"
        self.known_hosts.write_text("".join(self._known(number) for number in NUMBERS))

    @property
    def prefix_length(self) -> int:
        return _NETWORK.prefixlen

    @property
    def hosts_file(self) -> str:
        names = [f"{self.address(number)} h{number}\n" for number in NUMBERS]
        return "".join(("127.0.0.1 localhost\n", *names))

    def address(self, number: int) -> str:
        return str(_NETWORK[10 + number])

    def host_key(self, number: int) -> Path:
        """The private key of a host's sshd: the same one on a new disk."""
        path = self.folder / f"h{number}.key"
        if not path.exists():
            _make_key(path)
        return path

    def close(self) -> None:
        control_group.remove(self.cgroup)
        self.room.close()
        shutil.rmtree(self.folder)
        self._lock.close()

    def _known(self, number: int) -> str:
        public = self.host_key(number).with_suffix(".key.pub").read_text()
        return f"h{number},{self.address(number)} {public}"


def _sweep(folder: Path, groups: Path) -> None:
    """Clear up after a lab whose owner was killed."""
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        if control_group.remove(groups / _group_of(folder)):
            shutil.rmtree(folder)


def _group_of(folder: Path) -> str:
    return f"crony-{folder.name}"


def _make_key(path: Path) -> None:
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", path.name, "-f", str(path)]
    subprocess.run(command, check=True)
