"""The control groups of a lab, which no namespace takes along when it ends."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def remove(group: Path) -> bool:
    """A group and those in it; whether it is gone. One that has processes stays."""
    for folder, _, _ in os.walk(group, topdown=False):
        with suppress(OSError):
            Path(folder).rmdir()
    return not group.exists()


def event(group: Path, name: str) -> bool:
    """``populated`` or ``frozen``."""
    lines = (group / "cgroup.events").read_text().splitlines()
    return f"{name} 1" in lines
