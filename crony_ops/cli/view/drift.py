"""Whether the job files in the working tree are still those of the last sync, as git sees it."""

from __future__ import annotations

import asyncio
import re
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from crony_ops.model.cluster import SyncRecord

# What stands in etcd goes on git's command line, where nothing but a commit may be.
_COMMIT = re.compile(r"[0-9a-f]{7,64}")


async def drift(folder: Path, last: SyncRecord | None) -> str | None:
    """How ``folder`` differs from the commit of the ``last`` sync, in words; empty if it doesn't.

    None where that can't be known: no folder, no git, no sync, or one of no commit. Two short git
    commands side by side, so that it costs `status` some milliseconds.
    """
    if last is None or not _COMMIT.fullmatch(last.commit):
        return None
    git = shutil.which("git")
    if git is None:
        return None
    async with asyncio.TaskGroup() as group:
        changed = group.create_task(
            _lines(git, folder, "diff", "--name-only", "--no-ext-diff", last.commit, "--", ".")
        )
        added = group.create_task(
            _lines(git, folder, "ls-files", "--others", "--exclude-standard", "--", ".")
        )
    if added.result() is None:
        return None
    if changed.result() is None:
        return f"{last.commit[:7]} is not in this clone"
    files = len((changed.result() or []) + (added.result() or []))
    if files:
        return f"{files} {'file' if files == 1 else 'files'} in {folder} changed since that commit"
    return "it was synced with uncommitted changes" if last.dirty else ""


async def _lines(git: str, folder: Path, *arguments: str) -> list[str] | None:
    """The lines that a git command prints; None if it fails."""
    process = await asyncio.create_subprocess_exec(
        git,
        "-C",
        str(folder),
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    output, _ = await process.communicate()
    return output.decode(errors="replace").splitlines() if process.returncode == 0 else None
