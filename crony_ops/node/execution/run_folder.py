"""What stands on disk of a run: its log and, until its end is told, its journal.

The journal says what the run is, then has a line for each attempt that was started, each exit
status that a process itself left there, and each attempt that ended. Lines are only ever appended,
each in one write, and a last line without its newline counts as not written. So a killed agent
leaves a journal that can be read, without temporary files (to make a file costs far more than to
write to one). A power failure ends the runs as well, so nothing is synced to the disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from crony_ops.model.job import Job
from crony_ops.model.record import Record
from crony_ops.model.run import Attempt, RunKind, RunState


class RunContext(Record):
    """What a run is told besides its job. ``tick``, ``previous_tick`` and ``next_due``, when the
    run after it is to start, are unix seconds, ``node`` is a name, ``kill_grace`` is in seconds.
    ``epoch`` and ``incarnation`` are those of its claim. ``late``: by how many seconds the run
    started late, and why.

    ``dies_with_agent``: its processes must not outlive the agent (a job whose runs are made again
    when their node is lost). The processes of all others do, and can be adopted.
    """

    job_id: str
    run_id: str
    tick: int
    previous_tick: int | None = None
    next_due: int | None = None
    node: str
    epoch: int
    incarnation: int = 0
    kind: RunKind = RunKind.tick
    reason: str = ""
    rerun: int = 0
    env: dict[str, str] = {}
    preset_env: tuple[Path, ...] = ()
    kill_grace: float
    late: tuple[float, str] = (0.0, "")
    dies_with_agent: bool = False


class RunMeta(Record):
    """The journal's first line: all that it takes to go on with the run in another life."""

    context: RunContext
    job: Job
    boot_id: str


class Started(Record):
    """An attempt was started. ``at`` is in unix seconds, ``monotonic`` in seconds since boot,
    ``offset`` is where its output begins in the log.

    ``pid`` is 0 for a request."""

    attempt: int
    pid: int = 0
    at: float
    monotonic: float
    offset: int


class Ended(Record):
    """An attempt ended, in a state that a run can end in."""

    state: RunState
    attempt: Attempt


class Left(Record):
    """What a shell left at its own end: it was there to see, the agent may not have been."""

    attempt: int
    status: int


class _Line(Record):
    """A line of the journal after the first: one of the three."""

    started: Started | None = None
    left: Left | None = None
    ended: Ended | None = None


@dataclass(frozen=True, slots=True)
class RunFiles:
    log: Path
    journal: Path


@dataclass(frozen=True, slots=True)
class Journal:
    meta: RunMeta
    ends: tuple[Ended, ...]
    started: Started | None
    """The attempt whose end the journal doesn't tell."""
    left: Left | None
    """The exit status that this attempt's process left."""
    written_at: float


def begin_journal(files: RunFiles, meta: RunMeta) -> None:
    _append(files.journal, meta.to_json())


def record_start(files: RunFiles, started: Started) -> None:
    _append(files.journal, _Line(started=started).to_json())


def record_end(files: RunFiles, ended: Ended) -> None:
    _append(files.journal, _Line(ended=ended).to_json())


def _append(path: Path, line: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        size = os.fstat(descriptor).st_size
        if os.write(descriptor, line + b"\n") <= len(line):
            # A disk that is full takes a part. The next line must not begin behind it.
            os.ftruncate(descriptor, size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    finally:
        os.close(descriptor)


def read_journal(files: RunFiles) -> Journal | None:
    """None when there is none, or none that can be read."""
    try:
        written_at = files.journal.stat().st_mtime
        first, *lines = files.journal.read_bytes().split(b"\n")[:-1]
        meta = RunMeta.from_json(first)
        entries = [_Line.from_json(line) for line in lines]
    except (FileNotFoundError, ValueError):
        return None
    ends = tuple(entry.ended for entry in entries if entry.ended is not None)
    number = len(ends) + 1
    # The newest first: a start is noted before its pid is known, and again with it.
    starts = [entry.started for entry in reversed(entries) if entry.started is not None]
    lefts = [entry.left for entry in entries if entry.left is not None]
    return Journal(
        meta=meta,
        ends=ends,
        started=next((started for started in starts if started.attempt == number), None),
        left=next((left for left in lefts if left.attempt == number), None),
        written_at=written_at,
    )


def open_log(files: RunFiles) -> int:
    """A descriptor to append to the run's output with; the caller closes it."""
    return os.open(files.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def output_limit(state: RunState) -> int:
    """Bytes of output that go into the record of a run that ended so; the log has it all."""
    return 512 if state is RunState.succeeded else 4096


def read_tail(log: Path, offset: int, limit: int) -> str:
    """The last ``limit`` bytes of what was written to the log since ``offset``, as text.

    The log is the run's own to truncate (`> /dev/stderr` does): then all that is left counts.
    """
    try:
        with log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            start = offset if offset <= size else 0
            # A little more than asked for, so that text_tail() sees where it cuts.
            file.seek(max(start, size - limit - 1))
            return text_tail(file.read(limit + 1), limit)
    except FileNotFoundError:
        return ""


def text_tail(output: bytes, limit: int) -> str:
    """The last ``limit`` bytes as text, no character cut in two, invalid ones replaced."""
    text = output[-limit:].decode("utf-8", "replace")
    if len(output) > limit:
        text = text.lstrip("\ufffd") or text
    # A replaced byte takes three.
    return text.encode()[-limit:].decode("utf-8", "ignore")


def last_line(output: str) -> str:
    """The last that isn't blank: where a program that fails says why. Empty if there is none."""
    return output.strip().rpartition("\n")[2].strip()


class RunFolder:
    """`<root>/<job_id>/<run_id>.log` and `.json`, the run's journal. ``keep``: how many logs of a
    job stay. ``busy`` is set while there is a log that may grow, or one whose run has just ended.
    """

    def __init__(self, root: Path, keep: int) -> None:
        self.root = root
        self.busy = asyncio.Event()
        self._keep = keep
        self._under_way: dict[tuple[str, str], RunFiles] = {}
        self._over: list[RunFiles] = []

    def files(self, job_id: str, run_id: str) -> RunFiles:
        """Where the files of a run that begins or goes on stand, until it is forgotten. Makes the
        job's folder, readable for the agent alone."""
        folder = self.root / job_id
        if not folder.is_dir():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        files = self._under_way[job_id, run_id] = self._files(job_id, run_id)
        self.busy.set()
        return files

    def _files(self, job_id: str, run_id: str) -> RunFiles:
        return RunFiles(
            log=self.root / job_id / f"{run_id}.log",
            journal=self.root / job_id / f"{run_id}.json",
        )

    def log(self, job_id: str, run_id: str) -> Path:
        """Where a run's log stands, or would."""
        return self._files(job_id, run_id).log

    def unfinished(self) -> list[RunMeta]:
        """The runs that were begun and not yet forgotten, oldest first.

        A journal that can't be read tells of a run that never started: it is taken away.
        """
        found = []
        for path in self.root.glob("*/*.json"):
            journal = read_journal(self._files(path.parent.name, path.stem))
            if journal is None:
                path.unlink(missing_ok=True)
            else:
                found.append(journal.meta)
        return sorted(found, key=lambda meta: (meta.context.tick, meta.context.run_id))

    def forget(self, job_id: str, run_id: str) -> None:
        """The run's end is told: its log alone stays."""
        if (files := self._under_way.pop((job_id, run_id), None)) is not None:
            self._over.append(files)
        self._files(job_id, run_id).journal.unlink(missing_ok=True)

    @property
    def under_way(self) -> Collection[tuple[str, str]]:
        """Job and run ids of the runs that are not yet forgotten."""
        return self._under_way.keys()

    def hand_over(self) -> tuple[list[RunFiles], list[RunFiles]]:
        """What is under way, and what was forgotten since the last call. Not busy if neither."""
        under_way, over = list(self._under_way.values()), self._over
        self._over = []
        if not under_way and not over:
            self.busy.clear()
        return under_way, over

    def trim(self, job_id: str) -> None:
        """Takes a job's older logs away, but never that of a run that is not yet forgotten."""
        logs = sorted((self.root / job_id).glob("*.log"))
        for log in logs[: -self._keep]:
            if not self._files(job_id, log.stem).journal.exists():
                log.unlink(missing_ok=True)

    def remove_empty(self, folders: list[Path]) -> None:
        """Those of jobs that have no log any more, and no run that is about to make one."""
        busy = {job_id for job_id, _ in self.under_way}
        for folder in folders:
            if folder.name not in busy:
                with contextlib.suppress(OSError):  # not empty any more
                    folder.rmdir()
