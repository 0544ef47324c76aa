"""A wall clock that can be stepped and that drifts, for one process.

`python -m tests.faults.proof.clock FILE MODULE ARGUMENT…` runs a module whose `time.time()` is off
by what the file says. The runs that it starts, and all other processes, have the machine's own.
"""

from __future__ import annotations

import mmap
import os
import runpy
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path

_SKEW = struct.Struct("<ddd")
_SLOTS = 2


class Clock:
    """The nemesis' side. The file is made, and shows the right time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.write_bytes(bytes(1 + _SLOTS * _SKEW.size))

    def set(self, offset: float, drift: float = 0.0) -> None:
        """From now on off by ``offset`` seconds, and by ``drift`` more with each second."""
        with self.path.open("r+b") as file:
            # Into the slot that is not in use, which is then the other one: nobody reads half.
            slot = 1 - file.read(1)[0]
            file.seek(1 + slot * _SKEW.size)
            file.write(_SKEW.pack(offset, drift, time.time()))
            file.flush()
            file.seek(0)
            file.write(bytes([slot]))

    def command(self, module: str, *arguments: str) -> list[str]:
        """What runs ``module`` by this clock."""
        return [sys.executable, "-m", __name__, str(self.path), module, *arguments]


def clock_of(path: Path) -> Callable[[], float]:
    """What stands in for ``time.time`` in a process that has the clock of this file."""
    descriptor = os.open(path, os.O_RDONLY)
    told = mmap.mmap(descriptor, 0, prot=mmap.PROT_READ)
    os.close(descriptor)
    true_time = time.time

    def now() -> float:
        offset, drift, since = _SKEW.unpack_from(told, 1 + told[0] * _SKEW.size)
        true = true_time()
        return float(true + offset + drift * (true - since))

    return now


def main() -> None:
    path, module, *arguments = sys.argv[1:]
    time.time = clock_of(Path(path))
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
