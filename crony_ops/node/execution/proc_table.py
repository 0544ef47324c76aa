"""Which processes stand in a session, or carry a mark in their environment: read from /proc.

A reading looks at every process of the machine. So runs that end together share one: whoever asks
gets a reading that began after the asking, and perhaps another's.
"""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MARK = "CRONY_LOG"
"""The variable that tells the processes of one run from all others of this machine, also those
that have left its session: no two runs share a log, whichever agent or cluster they belong to."""

_MARK = f"{MARK}=".encode()
_DEAD = "ZX"


@dataclass(frozen=True, slots=True)
class ProcTable:
    """Pids of processes that still run, by their session and by the value of their mark."""

    sessions: dict[int, list[int]]
    marked: dict[bytes, list[int]]

    def of(self, session: int, mark: bytes) -> list[int]:
        """All that stand in the session or carry the mark (empty: none does)."""
        marked = self.marked.get(mark, []) if mark else []
        return list({*self.sessions.get(session, ()), *marked})


def read_table() -> ProcTable:
    """A reading of one's own, begun now. Only the processes of users that this one may look into
    show their marks."""
    sessions: dict[int, list[int]] = {}
    marked: dict[bytes, list[int]] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - iterdir() builds 1,000 paths to throw away
        if not name.isdigit() or (fields := stat(int(name))) is None or fields[0] in _DEAD:
            continue
        sessions.setdefault(int(fields[3]), []).append(int(name))
        for variable in _environment(int(name)):
            if variable.startswith(_MARK):
                marked.setdefault(variable[len(_MARK) :], []).append(int(name))
                break
    return ProcTable(sessions, marked)


def stat(pid: int) -> list[str] | None:
    """The fields of `/proc/<pid>/stat` from the state on (proc(5) calls that one field 3). None:
    there is no such process, or none that this one may see."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError, PermissionError):  # the last with `hidepid`
        return None


def variables_of(pid: int) -> dict[str, str]:
    """What the process was started with; empty where that can't be seen, or any more."""
    pairs = (os.fsdecode(variable).partition("=") for variable in _environment(pid))
    return {name: value for name, _, value in pairs}


def running_with(pid: int, variables: Mapping[str, str]) -> bool:
    """Whether the process lives and was started with these environment variables: so a pid that
    was noted down can be told from another process that has it by now."""
    found = _environment(pid)
    return all(f"{name}={value}".encode() in found for name, value in variables.items())


def session_leader_with(variables: Mapping[str, str]) -> int | None:
    """The pid of the first process of a session that was started with these variables."""
    for name in os.listdir("/proc"):  # noqa: PTH208 - iterdir() builds 1,000 paths to throw away
        if name.isdigit() and running_with(int(name), variables):
            fields = stat(int(name))
            if fields is not None and fields[3] == name:
                return int(name)
    return None


def _environment(pid: int) -> list[bytes]:
    try:
        # Not pathlib's: this is read of every process there is.
        descriptor = os.open(f"/proc/{pid}/environ", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return []
    try:
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            return file.readall().split(b"\0")
    except OSError:
        return []


class SharedTable:
    """One reading at a time, for all who asked before it began. For any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._began = 0.0
        self._table = ProcTable({}, {})

    def read(self, asked: float) -> ProcTable:
        """``asked``: on the monotonic clock, before the call was queued. Blocks."""
        with self._lock:
            if self._began <= asked:
                self._began = time.monotonic()
                self._table = read_table()
            return self._table
