"""The folder of a local cluster: who uses it, what lies where, and how others find its etcd."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psutil
import yaml

from crony_ops.errors import ClusterInUse

_REMAINS_GONE_WITHIN = 15.0


class ClusterFolder:
    """``lock`` is a descriptor while the folder is occupied, else -1."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.lock = -1

    @property
    def etcd_data(self) -> Path:
        return self.path / "etcd"

    @property
    def cluster_file(self) -> Path:
        """What other commands find the cluster by. It stays when the cluster is down: they had
        better say that its etcd can't be reached than go on to some other cluster."""
        return self.path / "cluster.yaml"

    def config(self, name: str) -> Path:
        return self.path / f"{name}.yaml"

    def state(self, name: str) -> Path:
        return self.path / name

    def log(self, name: str) -> Path:
        return self.path / "log" / f"{name}.log"

    def occupy(self) -> None:
        """Take the folder's lock; it is made if it is not there. Raises ClusterInUse.

        A killed cluster's guardian holds the lock a moment longer than the cluster lived: that is
        waited for.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        deadline = time.monotonic() + _REMAINS_GONE_WITHIN
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                holder = os.pread(lock, 20, 0).decode()
                if _lives(holder) or time.monotonic() > deadline:
                    os.close(lock)
                    raise ClusterInUse(path=self.path, pid=holder or "unknown") from None
                time.sleep(0.05)
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        self.lock = lock
        (self.path / "log").mkdir(exist_ok=True)

    def vacate(self) -> None:
        os.close(self.lock)
        self.lock = -1

    def clear(self) -> None:
        """Remove all but the lock. Only while it is occupied by us, and no process is in it."""
        for entry in self.path.iterdir():
            if entry.name == "lock":
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        (self.path / "log").mkdir()

    def last_ports(self) -> tuple[int, int] | None:
        """Those of the cluster that was here before."""
        try:
            written = yaml.safe_load(self.cluster_file.read_text())
            client, peer = written["etcd_ports"]
            return int(client), int(peer)
        except (OSError, yaml.YAMLError, TypeError, KeyError, ValueError):
            return None

    def note_ports(self, ports: tuple[int, int]) -> None:
        document = {"etcd": {"endpoints": [f"127.0.0.1:{ports[0]}"]}, "etcd_ports": list(ports)}
        self._write(self.cluster_file, document)

    def link_presets(self, scripts: Iterable[Path]) -> Path:
        """A folder with links to these scripts, and nothing else."""
        folder = self.path / "presets"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for script in scripts:
            (folder / script.name).symlink_to(script.absolute())
        return folder

    def write_config(self, name: str, settings: dict[str, Any]) -> Path:
        """For its daemon's eyes: it may name where alerts go, which is a secret."""
        self._write(self.config(name), settings, mode=0o600)
        return self.config(name)

    def _write(self, path: Path, document: dict[str, Any], mode: int = 0o644) -> None:
        """In one step: another command may read at any moment."""
        new = path.with_name(f".{path.name}.new")
        new.touch(mode)
        new.write_text(yaml.safe_dump(document, sort_keys=False))
        new.replace(path)


def _lives(written_pid: str) -> bool:
    """A zombie does nothing any more; an empty note is of somebody who has just begun."""
    if not written_pid.isdigit():
        return True
    try:
        return bool(psutil.Process(int(written_pid)).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
