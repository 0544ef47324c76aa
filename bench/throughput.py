"""A thousand runs of a job that does nothing, through the agent's own execution of a run.

The floor: posix_spawn and wait of the same command, as often.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import TYPE_CHECKING

from bench.etcd_server import scratch
from bench.row import Row, times
from bench.side_by_side import side_by_side
from crony_ops.model.job import Job
from crony_ops.model.run import RunState
from crony_ops.node.execution.attempts import Execution
from crony_ops.node.execution.run_folder import RunContext, RunFolder
from crony_ops.node.execution.shell import command_line

if TYPE_CHECKING:
    import aiohttp

RUNS = 1_000
_JOB = Job(schedule="@daily", shell="true")


async def run() -> AsyncGenerator[Row, None]:
    with scratch() as folder:
        runs = RunFolder(Path(folder), keep=10)
        numbers = itertools.count()

        async def ours() -> float:
            began = time.perf_counter()
            async with asyncio.TaskGroup() as group:
                for _ in range(RUNS):
                    group.create_task(_run(runs, next(numbers)))
            return time.perf_counter() - began

        command = bare_command(_JOB, Path(folder))

        async def floor() -> float:
            return await asyncio.to_thread(spawn_all, command, RUNS)

        yield await side_by_side("1,000 runs of `true`", ours, floor, times(1.5))


async def _run(runs: RunFolder, number: int) -> None:
    context = RunContext(
        job_id="bench", run_id=f"{number:06}-s", tick=number, node="node-1", epoch=1, kill_grace=3
    )
    execution = Execution(
        _JOB,
        context,
        runs.files(context.job_id, context.run_id),
        _no_session,
        on_process=lambda _pid, _attempt, _command: None,
        on_process_end=lambda _pid: None,
    )
    outcome = await execution.perform()
    if outcome.state is not RunState.succeeded:
        raise RuntimeError(outcome.reason)
    runs.forget(context.job_id, context.run_id)


def _no_session() -> aiohttp.ClientSession:
    raise AssertionError("a shell job asks for no HTTP session")


def bare_command(job: Job, folder: Path) -> list[str]:
    """What an agent starts for the job, without anything of the agent's around it."""
    files = RunFolder(folder, keep=1).files("bench", "floor")
    return command_line(job, None, files, 1, wrapped=False)


def spawn_all(command: list[str], times: int) -> float:
    """One after the other; the seconds that it took."""
    began = time.perf_counter()
    for _ in range(times):
        os.waitpid(os.posix_spawn(command[0], command, os.environ), 0)
    return time.perf_counter() - began
