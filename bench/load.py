"""What a process takes of the machine: memory, processor, and how often it wakes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

MIB = 2**20
_REST, _LOOKS = 0.05, 10


@dataclass(frozen=True, slots=True)
class Load:
    """``cpu``: the share of one core. ``wake_ups``: a second, of all its threads."""

    cpu: float
    wake_ups: float


def resident(pid: int) -> float:
    """MiB."""
    return psutil.Process(pid).memory_info().rss / MIB


def cpu_seconds(pid: int) -> float:
    """That it has had so far, without its children's."""
    spent = psutil.Process(pid).cpu_times()
    return spent.user + spent.system


async def load(pids: Iterable[int], seconds: float) -> list[Load]:
    """What each takes while we wait."""
    pids = list(pids)
    began = time.monotonic()
    before = [(cpu_seconds(pid), _wake_ups(pid)) for pid in pids]
    await asyncio.sleep(seconds)
    took = time.monotonic() - began
    return [
        Load((cpu_seconds(pid) - cpu) / took, (_wake_ups(pid) - woken) / took)
        for pid, (cpu, woken) in zip(pids, before, strict=True)
    ]


async def at_rest(pid: int, seconds: float = 1.0) -> None:
    """Until it has done next to nothing for so long: what was before is over. Or ten times as
    long, whatever it does."""
    for _ in range(_LOOKS):
        [now] = await load([pid], seconds)
        if now.cpu < _REST:
            return


def _wake_ups(pid: int) -> int:
    """Whatever a thread waits for, it gives the processor up once before it is woken once."""
    lines = (
        line
        for task in Path("/proc", str(pid), "task").iterdir()
        for line in (task / "status").read_text().splitlines()
    )
    return sum(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches"))
