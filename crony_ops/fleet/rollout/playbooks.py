"""Which playbooks there are, and where."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from crony_ops.errors import InvalidInput

FOLDER = "playbooks"


class NoPlaybooks(InvalidInput):
    message = "there is no folder playbooks/ in {folder} or above it"


class UnknownPlaybook(InvalidInput):
    message = "there is no playbook {name!r} in {folder}{hint}"


def playbooks(folder: Path) -> dict[str, Path]:
    """By name, those of the first `playbooks/` that is in ``folder`` or in one above it; none where
    there is no such folder."""
    for base in (folder, *folder.parents):
        if (base / FOLDER).is_dir():
            return {path.stem: path for path in sorted((base / FOLDER).glob("*.yml"))}
    return {}


def find_playbook(name: str, folder: Path) -> Path:
    """Raises NoPlaybooks, and UnknownPlaybook with those that there are."""
    known = playbooks(folder)
    if not known:
        raise NoPlaybooks(folder=folder)
    if name not in known:
        near = get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]!r}?" if near else f": there are {', '.join(known)}"
        raise UnknownPlaybook(name=name, folder=next(iter(known.values())).parent, hint=hint)
    return known[name]
