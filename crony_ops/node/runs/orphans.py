"""Processes of runs that nobody follows any more, ended wherever they went."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Set
from typing import TYPE_CHECKING

from crony_ops.node.execution.proc_table import read_table

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger(__name__)

LOOKS = 40
LOOK_AGAIN = 0.05


async def end_orphans(logs: Set[Path]) -> None:
    """KILL whatever still lives of the runs with these logs.

    Looks again, for a process may start another one while it is being killed; one that the kernel
    does not let go stays, and is named in the log.
    """
    marks = [str(path).encode() for path in logs]
    left: list[int] = []
    for _ in range(LOOKS if logs else 0):
        marked = (await asyncio.to_thread(read_table)).marked
        left = [pid for mark in marks for pid in marked.get(mark, ())]
        if not left:
            return
        log.warning("processes of lost runs are killed: %s", left)
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(LOOK_AGAIN)
    if left:
        log.error("processes of lost runs can't be ended: %s", left)
