"""A disk of one process that can be full: a small tmpfs in a mount namespace of its own.

The namespace ends with the process that holds it, and the tmpfs with the namespace: nothing has to
be unmounted. It takes root.
"""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

SIZE = 48 * 2**20
_BALLAST = "ballast"
_PIECE = bytes(1 << 16)


def may_mount() -> bool:
    return os.geteuid() == 0


def holder_command(folder: Path) -> list[str]:
    """A process that has the disk at ``folder``, and keeps it for others to enter."""
    mount = f'mount -t tmpfs -o size={SIZE} disk "$0" && exec sleep infinity'
    return ["unshare", "--mount", "sh", "-c", mount, str(folder)]


def inside(holder: int, command: list[str]) -> list[str]:
    """The command, to be run where the disk is. ``holder``: the pid of the process that has it."""
    return ["nsenter", f"--mount=/proc/{holder}/ns/mnt", "--wdns=/", *command]


def has_its_journal(pid: int) -> bool:
    """Whether an agent has made its journal ready; its files are seen by no other means here."""
    try:
        opened = [fd.readlink().name for fd in Path(f"/proc/{pid}/fd").iterdir()]
    except OSError:
        return False
    return "journal.db-wal" in opened


class Disk:
    """The disk as it is seen from outside, by the pid of its holder."""

    def __init__(self, holder: int, folder: Path) -> None:
        self._place = Path(f"/proc/{holder}/root{folder}")

    @property
    def mounted(self) -> bool:
        return self._place.is_mount()

    def fill(self) -> None:
        """To the last byte: whoever writes now gets ENOSPC."""
        descriptor = os.open(self._place / _BALLAST, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            while True:
                os.write(descriptor, _PIECE)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
        finally:
            os.close(descriptor)

    def empty(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            (self._place / _BALLAST).unlink()
