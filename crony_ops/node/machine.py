"""How this machine is doing, and what the runs on it use. Blocking; the numbers come by psutil."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from crony_ops.model.system import Disk, RunningJob, SystemInfo

_TOP = 5
_NO_DISKS = {"squashfs", "iso9660"}
"""Images: they are full by nature."""


@dataclass(frozen=True, slots=True)
class RunProcess:
    """The process that leads a run of a shell job."""

    job_id: str
    run_id: str
    pid: int


@dataclass(frozen=True, slots=True)
class Kin:
    """Where a process stands among the others."""

    parent: int
    session: int


def trees(roots: Iterable[int], kin: Mapping[int, Kin]) -> dict[int, set[int]]:
    """For each root that is there, the processes of its tree, itself included: what descends from
    it, and what stands in its session, for a child whose parent has ended is nobody's. Pure."""
    children: dict[int, set[int]] = defaultdict(set)
    for pid, its in kin.items():
        children[its.parent].add(pid)
        if its.session != pid:
            children[its.session].add(pid)
    found = {}
    for root in roots:
        if root not in kin:
            continue
        members: set[int] = set()
        new = {root}
        while new:
            members |= new
            new = set().union(*(children[pid] for pid in new)) - members
        found[root] = members
    return found


def measure(runs: Sequence[RunProcess], running: int) -> SystemInfo:
    """All but the disks. Per cents are over the time since the last call, so those of the first
    mean nothing. To be called by one thread at a time."""
    memory = psutil.virtual_memory()
    return SystemInfo(
        at=time.time(),
        uptime=time.time() - psutil.boot_time(),
        cpus=psutil.cpu_count() or 1,
        cpu=psutil.cpu_percent(),
        load=os.getloadavg(),
        memory_total=memory.total,
        memory_available=memory.available,
        swap_used=psutil.swap_memory().used,
        running=running,
        top=_busiest(runs),
    )


def disks() -> tuple[Disk, ...]:
    """The root and what is mounted of real file systems, each once. May hang for as long as a file
    system of the machine does."""
    found: dict[int, Disk] = {}
    mounts = {
        part.mountpoint: part.device
        for part in psutil.disk_partitions()
        if part.fstype not in _NO_DISKS
    }
    for mount in sorted({"/", *mounts}, key=lambda mount: (len(mount), mount)):
        try:
            device = Path(mount).stat().st_dev
            if device not in found and Path(mount).is_dir():
                usage = psutil.disk_usage(mount)
                found[device] = Disk(mount=mount, total=usage.total, used=usage.used)
        except OSError:  # unmounted just now, or none of our business
            continue
    return tuple(found.values())


def _busiest(runs: Sequence[RunProcess]) -> tuple[RunningJob, ...]:
    if not runs:
        return ()
    processes = {process.pid: process for process in psutil.process_iter()}
    of_root = trees([run.pid for run in runs], _kin(processes))
    rows = []
    for run in runs:
        usage = [_usage(processes[pid]) for pid in of_root.get(run.pid, ())]
        rows.append(
            RunningJob(
                job_id=run.job_id,
                run_id=run.run_id,
                pid=run.pid,
                cpu=round(sum(cpu for cpu, _ in usage), 1),
                rss=sum(rss for _, rss in usage),
            )
        )
    return tuple(sorted(rows, key=lambda row: (row.cpu, row.rss), reverse=True)[:_TOP])


def _kin(processes: Mapping[int, psutil.Process]) -> dict[int, Kin]:
    kin = {}
    for pid, process in processes.items():
        try:
            kin[pid] = Kin(process.ppid(), os.getsid(pid))
        except (psutil.Error, ProcessLookupError, PermissionError):
            continue
    return kin


def _usage(process: psutil.Process) -> tuple[float, int]:
    """Per cent of one core since the last look, and resident bytes."""
    try:
        return process.cpu_percent(), process.memory_info().rss
    except psutil.Error:
        return 0.0, 0
