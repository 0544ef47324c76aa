"""A control group for each attempt, where cgroup v2 lets this process make one: whatever the
attempt starts stays in it, whichever session it moves to and however it empties its environment.

Its first process enters by itself (preamble.bash), before the job's command begins. No controller
is used: a group only tells what belongs together.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from crony_ops.node.execution.run_folder import RunContext, RunFiles

PREFIX = "crony-run."

# A field of mountinfo has space, tab, newline and backslash in octal.
_OCTAL = re.compile(r"\\([0-7]{3})")


def place_of(mountinfo: str, cgroup: str) -> Path | None:
    """The folder of a process's own group, from its `/proc/<pid>/mountinfo` and `.../cgroup`.

    None: no cgroup v2 is mounted where the process can see its group.
    """
    path = next((line[3:] for line in cgroup.splitlines() if line.startswith("0::")), None)
    if path is None:
        return None
    for line in mountinfo.splitlines():
        mounted, _, kind = line.partition(" - ")
        fields = mounted.split(" ")
        if not kind.startswith("cgroup2 ") or len(fields) < 5:
            continue
        root, mount = (_OCTAL.sub(lambda m: chr(int(m[1], 8)), field) for field in fields[3:5])
        if path == root or path.startswith(root.rstrip("/") + "/"):
            return Path(mount + path[len(root.rstrip("/")) :])
    return None


@functools.cache
def own_place() -> Path | None:
    """Where this process may make groups for its runs. None: nowhere."""
    try:
        mountinfo = Path("/proc/self/mountinfo").read_text("utf-8", "replace")
        place = place_of(mountinfo, Path("/proc/self/cgroup").read_text("utf-8", "replace"))
        if place is None or not os.access(place / "cgroup.procs", os.W_OK):
            return None
        trial = place / f"{PREFIX}trial-{os.getpid()}"
        trial.mkdir()
        trial.rmdir()
    except OSError:
        return None
    return place


def sweep(runs: Path, under_way: Collection[tuple[str, str]]) -> None:
    """Takes away the groups that what a run left behind has left empty by now.

    ``runs``: the folder of this agent's runs. Those ``under_way``, by job and run id, stay: their
    first process may be about to enter.
    """
    place = own_place()
    if place is None:
        return
    busy = tuple(_name(runs, *run) for run in under_way)
    for path in place.glob(f"{_name(runs)}*"):
        if not path.name.startswith(busy):
            _remove(path)


def _name(runs: Path, *parts: str) -> str:
    """Two agents on one machine may have runs of one name."""
    which = hashlib.sha256(str(runs).encode()).hexdigest()[:8]
    return PREFIX + "".join(f"{part}." for part in (which, *parts))


def _remove(path: Path) -> bool:
    try:
        path.rmdir()
    except FileNotFoundError:
        return True
    except OSError:  # busy: somebody is still in it
        return False
    return True


class Cgroup:
    """The group of one attempt."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of(cls, context: RunContext, files: RunFiles, attempt: int) -> Cgroup | None:
        """The group of this attempt, made or not: the same in every life of the agent.

        None where there can't be any.
        """
        place = own_place()
        if place is None:
            return None
        runs = files.log.parent.parent
        return cls(place / (_name(runs, context.job_id, context.run_id) + str(attempt)))

    def make(self) -> bool:
        try:
            self.path.mkdir(exist_ok=True)
        except OSError:  # the machine's limit of groups: it goes without
            return False
        return True

    @property
    def exists(self) -> bool:
        return self.path.is_dir()

    def open(self, name: str) -> int:
        """A descriptor to write to one of the group's files with. Raises OSError."""
        return os.open(self.path / name, os.O_WRONLY | os.O_CLOEXEC)

    def pids(self) -> list[int]:
        """All that runs in it, and in groups that the run itself made below it."""
        found: list[int] = []
        for folder, _, _ in os.walk(self.path):
            with contextlib.suppress(OSError):
                found += map(int, Path(folder, "cgroup.procs").read_bytes().split())
        return found

    def kill(self) -> None:
        try:
            (self.path / "cgroup.kill").write_bytes(b"1")
        except OSError:  # before Linux 5.14
            for pid in self.pids():
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)

    def remove(self) -> bool:
        """False while somebody is still in it."""
        return _remove(self.path)
