"""A wheelhouse with another version of this program in it, sound or broken."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

from crony_ops import __version__

if TYPE_CHECKING:
    from pathlib import Path


def wheelhouse_with(wheelhouse: Path, version: str, folder: Path, *, breakage: str = "") -> Path:
    """Make ``folder`` a copy of ``wheelhouse`` that has ``version`` besides.

    ``breakage`` are the last words of an agent of that version, at its start.
    """
    folder.mkdir()
    for wheel in wheelhouse.glob("*.whl"):
        (folder / wheel.name).hardlink_to(wheel)
    ours, theirs = (f"crony_ops-{v}" for v in (__version__, version))
    with (
        zipfile.ZipFile(wheelhouse / f"{ours}-py3-none-any.whl") as old,
        zipfile.ZipFile(folder / f"{theirs}-py3-none-any.whl", "w") as new,
    ):
        for member in old.namelist():
            text = old.read(member).decode()
            if member == "crony_ops/__init__.py":
                text = text.replace(__version__, version)
            elif member.startswith(ours):
                text = text.replace(f"\nVersion: {__version__}", f"\nVersion: {version}")
                text = text.replace(ours, theirs)
            elif member == "crony_ops/node/main.py" and breakage:
                text += (
                    f"\n\nasync def _live(*_: object) -> None:\n    raise OSError({breakage!r})\n"
                )
            new.writestr(member.replace(ours, theirs), text)
    return folder
