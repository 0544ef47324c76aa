"""Runs of one job by the agent's own code in a process of its own, so that their cost can be seen.

    python -m tests.integration.node.run_in_child <folder> <job as JSON> <count> <limit> <groups>

It prints how the runs ended, and by how much the process grew meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from crony_ops.model.job import Job
from crony_ops.model.record import Record
from crony_ops.model.run import Attempt, RunState
from crony_ops.node.execution import cgroup
from crony_ops.node.execution.attempts import Execution
from crony_ops.node.execution.log_keeper import LogKeeper
from crony_ops.node.execution.run_folder import RunContext, RunFolder

if TYPE_CHECKING:
    import aiohttp

LIMIT = 1024 * 1024


class Ending(Record):
    state: RunState
    reason: str
    attempts: tuple[Attempt, ...]


class Told(Record):
    """``grown`` is in KiB, ``seconds`` is for all the runs together."""

    endings: tuple[Ending, ...]
    grown: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Child:
    """``behind``: the command that its own is an argument of."""

    folder: Path
    limit: int = LIMIT
    groups: bool = True
    behind: tuple[str, ...] = ()

    async def perform(self, shell: str, count: int = 1, **fields: Any) -> Told:
        """Raises nothing for what the job does. The logs are compacted when it returns."""
        job = Job.model_validate({"schedule": "@daily", "shell": shell, **fields})
        process = await asyncio.create_subprocess_exec(
            *self.behind,
            sys.executable,
            "-m",
            __name__,
            str(self.folder),
            job.model_dump_json(exclude_defaults=True),
            str(count),
            str(self.limit),
            "groups" if self.groups else "",
            stdout=asyncio.subprocess.PIPE,
        )
        said, _ = await asyncio.wait_for(process.communicate(), 120)
        assert process.returncode == 0
        return Told.from_json(said)

    def log(self, number: int = 0) -> Path:
        return self.folder / "j" / f"r{number}.log"


def _no_session() -> aiohttp.ClientSession:
    raise AssertionError("a shell job asks for no HTTP session")


def _memory(name: str) -> int:
    found = re.search(rf"{name}:\s+([0-9]+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1])


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


async def _run(folder: RunFolder, job: Job, run_id: str) -> Ending:
    context = RunContext(
        job_id="j", run_id=run_id, tick=1_795_363_200, node="n", epoch=1, kill_grace=0.3
    )
    execution = Execution(
        job,
        context,
        folder.files("j", run_id),
        _no_session,
        on_process=lambda _pid, _attempt, _command: None,
        on_process_end=lambda _pid: None,
    )
    outcome = await execution.perform()
    # As on its way to etcd.
    ending = Ending(state=outcome.state, reason=outcome.reason, attempts=outcome.attempts)
    with contextlib.suppress(OSError):
        folder.forget("j", run_id)
    return Ending.from_json(ending.to_json())


async def _main(root: str, job: Job, count: int, limit: int) -> Told:
    folder = RunFolder(Path(root), keep=10)
    keeper = asyncio.create_task(LogKeeper(folder, limit=limit, days=30, total=2**30).run())
    plain = Job(schedule="@daily", shell="true", user=job.user)
    with contextlib.suppress(OSError):
        await _run(folder, plain, "warm")
    _forget_peak()
    before = _memory("VmRSS")
    began = time.monotonic()
    endings = await asyncio.gather(*(_run(folder, job, f"r{n}") for n in range(count)))
    seconds = time.monotonic() - began
    while folder.busy.is_set():  # noqa: ASYNC110 - until the logs are compacted
        await asyncio.sleep(0.02)
    keeper.cancel()
    return Told(endings=tuple(endings), grown=_memory("VmHWM") - before, seconds=seconds)


if __name__ == "__main__":
    root, written, count, limit, groups = sys.argv[1:]
    if not groups:
        mock.patch.object(cgroup, "own_place", return_value=None).start()
    told = asyncio.run(_main(root, Job.model_validate(json.loads(written)), int(count), int(limit)))
    sys.stdout.write(told.to_json().decode())
