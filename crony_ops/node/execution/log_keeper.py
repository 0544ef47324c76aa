"""Keeps the logs of this node's runs in bounds: each one, their age, and all of them together."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from crony_ops.node.execution import cgroup, log_cap
from crony_ops.node.execution.log_rotation import Log, to_remove

if TYPE_CHECKING:
    from crony_ops.node.execution.run_folder import RunFiles, RunFolder

log = logging.getLogger(__name__)

LOOK_EVERY = 0.25
LOOK_AGAIN = 0.05
"""Seconds to the next look at the sizes, and to the next one after a log that was too long."""

LOOK_AT_LAST = 2.0
"""And to the next one at the latest, however long a look takes."""

_SHARE = 20
ROTATE_EVERY = 3600.0


class LogKeeper:
    """``limit`` and ``total`` are in bytes, of one log and of all of them; ``days`` is an age.

    One look serves all runs under way; while there is none, nothing is looked at.
    """

    def __init__(self, folder: RunFolder, *, limit: int, days: float, total: int) -> None:
        self._folder = folder
        self._limit = limit
        self._days = days
        self._total = total
        self._size = 0
        self._too_much = total
        self._refused: set[str] = set()

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._rotate_by_the_hour())
            while True:
                await self._folder.busy.wait()
                began = time.monotonic()
                under_way, over = self._folder.hand_over()
                too_long = await asyncio.to_thread(self._look, under_way, over)
                # However many there are, looking takes a small share of the time.
                share = min(_SHARE * (time.monotonic() - began), LOOK_AT_LAST)
                if self._size > self._too_much:
                    await self.rotate()
                await asyncio.sleep(max(LOOK_AGAIN if too_long else LOOK_EVERY, share))

    def _look(self, under_way: list[RunFiles], over: list[RunFiles]) -> bool:
        too_long = False
        for files in under_way:
            try:
                too_long |= log_cap.trim(files.log, self._limit)
            except OSError as error:
                self._say(files.log, error)
        for files in over:
            self._compact(files.log)
            try:
                self._size += files.log.stat().st_blocks * 512
            except OSError:
                continue
        return too_long

    def _compact(self, path: Path) -> None:
        try:
            log_cap.compact(path, self._limit)
        except OSError as error:
            self._say(path, error)

    def _say(self, path: Path, error: OSError) -> None:
        """Once for each reason: logs are looked at four times a second."""
        if str(error.strerror) not in self._refused:
            self._refused.add(str(error.strerror))
            log.warning("%s can't be kept in bounds: %s", path, error.strerror)

    async def _rotate_by_the_hour(self) -> None:
        while True:
            await self.rotate()
            await asyncio.sleep(ROTATE_EVERY)

    async def rotate(self) -> None:
        """Also for the logs that nobody else looks at any more: of jobs that went elsewhere, of
        runs that were over when the agent died, of what a run left behind and still writes."""
        try:
            empty = await asyncio.to_thread(self._rotate)
        except OSError as error:
            self._say(self._folder.root, error)
            return
        # Here, where runs begin, and not beside them in a thread.
        self._folder.remove_empty(empty)
        cgroup.sweep(self._folder.root, self._folder.under_way)

    def _rotate(self) -> list[Path]:
        """The folders that hold nothing any more."""
        logs: list[Log] = []
        folders: dict[Path, int] = {}
        for folder, found in _folders(self._folder.root):
            folders[folder] = len(found)
            for one in found:
                if not one.unfinished and one.size > self._limit + self._limit // 4:
                    self._compact(one.path)
            logs += found
        removed = to_remove(logs, time.time(), self._days, self._total)
        for gone in removed:
            gone.path.unlink(missing_ok=True)
            folders[gone.path.parent] -= 1
        self._size = sum(one.size for one in logs) - sum(gone.size for gone in removed)
        # What can't go yet is not looked for again with each run that ends.
        self._too_much = max(self._total, self._size + self._total // 10)
        if removed:
            log.info("%d old logs of runs are removed", len(removed))
        return [folder for folder, count in folders.items() if count == 0]


def _folders(root: Path) -> Iterator[tuple[Path, list[Log]]]:
    """Each job's folder with its logs. Another thread makes and removes files meanwhile."""
    try:
        jobs = list(os.scandir(root))
    except FileNotFoundError:
        return
    for job in jobs:
        try:
            entries = list(os.scandir(job.path))
        except (FileNotFoundError, NotADirectoryError):
            continue
        names = {entry.name for entry in entries}
        found = []
        for entry in entries:
            if entry.name.endswith(".log"):
                with contextlib.suppress(FileNotFoundError):
                    stat = entry.stat(follow_symlinks=False)
                    unfinished = f"{entry.name[:-4]}.json" in names
                    size = stat.st_blocks * 512
                    found.append(Log(Path(entry.path), stat.st_mtime, size, unfinished))
        yield Path(job.path), found
