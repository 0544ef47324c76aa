"""Which processes belong to a local cluster, wherever they went: they carry its mark.

The mark is a variable in the environment, which every child inherits. So the runs of a killed agent
are found as well, though nobody of the cluster is their parent any more.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict

import psutil

MARK = "CRONY_CLUSTER"
_SETTLE = 0.05


def end_marked(mark: str, *, timeout: float = 10.0) -> list[int]:
    """KILL every process that has ``mark`` or begins with it, and those that they started.

    Again and again, for a process may start another one while it is being killed. Returns the pids
    that are still there after ``timeout`` seconds: none, unless the kernel holds them.
    """
    deadline = time.monotonic() + timeout
    quiet = 0
    left: set[int] = set()
    while quiet < 2 and time.monotonic() < deadline:
        left = _marked(mark)
        quiet = 0 if left else quiet + 1
        for pid in left:
            try:
                psutil.Process(pid).kill()
            except psutil.Error:
                continue
        time.sleep(_SETTLE)
    return sorted(left)


def _marked(mark: str) -> set[int]:
    """Living processes only: a zombie has no environment any more, and does nothing."""
    found: set[int] = set()
    children: dict[int, list[int]] = defaultdict(list)
    for process in psutil.process_iter():
        try:
            children[process.ppid()].append(process.pid)
            if process.environ().get(MARK, "").startswith(mark):
                found.add(process.pid)
        except psutil.Error:
            continue
    # One that was started with an environment of its own is known by its parent.
    todo = list(found)
    while todo:
        for child in children[todo.pop()]:
            if child not in found and child != os.getpid() and _lives(child):
                found.add(child)
                todo.append(child)
    return found - {os.getpid()}


def _lives(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False
