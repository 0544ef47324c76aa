"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from crony_ops.local.etcd import etcd_binary


@dataclass(frozen=True, slots=True)
class Machine:
    """``load`` is the load average of the last minute before the first measurement: what others
    did on the machine. ``memory`` is in GiB."""

    at: str
    processor: str
    cores: int
    memory: int
    kernel: str
    python: str
    etcd: str
    load: float

    @property
    def words(self) -> str:
        return (
            f"{self.at}, {self.processor}, {self.cores} cores, {self.memory} GiB, {self.kernel}, "
            f"Python {self.python}, etcd {self.etcd}; load before: {self.load:.1f}"
        )


def describe() -> Machine:
    return Machine(
        at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)),
        memory=round(psutil.virtual_memory().total / 2**30),
        kernel=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        etcd=_etcd_version(),
        load=os.getloadavg()[0],
    )


def _processor() -> str:
    """As the kernel names it; elsewhere only its family."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _etcd_version() -> str:
    said = subprocess.run([etcd_binary(), "--version"], capture_output=True, text=True, check=True)
    return said.stdout.split()[2]
