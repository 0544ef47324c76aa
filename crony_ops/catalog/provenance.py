"""Which commit the jobs folder stands at, who made it, and whether it was changed since."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Provenance:
    """Empty where there is no repository, no commit yet, or no git.

    ``dirty`` means that something under the jobs folder differs from ``commit``, files that git
    does not know included. ``root`` is the repository's folder.
    """

    commit: str = ""
    author: str = ""
    dirty: bool = False
    root: Path | None = None


def read_provenance(paths: Sequence[Path]) -> Provenance:
    """Of the repository that the first of the paths is in. Never raises: a git that is missing,
    that refuses (a folder of somebody else's) or that hangs leaves what it did not tell empty."""
    root = _repository_root(paths[0])
    if root is None:
        return Provenance()
    head = _git(root, "log", "-1", "--format=%H%n%an <%ae>")
    commit, _, author = (head or "").strip().partition("\n")
    inside = [str(path.absolute()) for path in paths if path.absolute().is_relative_to(root)]
    changes = _git(root, "status", "--porcelain", "--untracked-files=all", "--", *inside)
    return Provenance(commit=commit, author=author, dirty=bool(changes), root=root)


def _repository_root(path: Path) -> Path | None:
    """The nearest folder upwards with a ``.git`` (a file in a worktree), found without git."""
    start = path.absolute()
    return next((place for place in (start, *start.parents) if (place / ".git").exists()), None)


def _git(root: Path, *arguments: str) -> str | None:
    """What git says, or None. It takes no lock of the repository's, so it disturbs nobody's."""
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments],
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_PATIENCE,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
