"""A command from its start to its end, as a person waits for it."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.side_by_side import Measure


def crony_ops(*arguments: str) -> Measure:
    """`crony-ops` with these arguments, and none of what this environment says of clusters."""
    return lambda: _timed("-m", "crony_ops.cli.main", *arguments)


def python(code: str, *arguments: str) -> Measure:
    """An interpreter that does no more than ``code``; it finds ``arguments`` in `sys.argv`. The
    collector never runs in it: ours spares itself most of that, too."""
    return lambda: _timed("-c", f"import gc\ngc.disable()\n{code}\ngc.freeze()", *arguments)


async def _timed(*arguments: str) -> float:
    # Bytecode is kept, as an install leaves it.
    unwanted = ("CRONY_", "PYTHONDONTWRITEBYTECODE")
    env = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stdout=asyncio.subprocess.DEVNULL, env=env
    )
    if await process.wait() != 0:
        raise RuntimeError(f"{arguments} ended with status {process.returncode}")
    return time.perf_counter() - began
