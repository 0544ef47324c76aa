"""Packages of the distribution for hosts, which can't fetch any themselves."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.hosts.lab.base import base_system
from tests.hosts.lab.cache import cache, one_at_a_time
from tests.hosts.lab.needs import CannotRun


def packages(*names: str) -> Path:
    """A folder with these and all they need that a bare host lacks; fetched once on a machine.

    Raises CannotRun where apt can't get them.
    """
    base = base_system()
    folder = cache() / f"{'+'.join(names)}-for-{base.name}"
    with one_at_a_time("packages"):
        if not folder.exists():
            new = folder.with_name(f"{folder.name}.new")
            if _fetch(base, new, names):
                _apt("update")
                if failure := _fetch(base, new, names):
                    raise CannotRun(f"apt does not get {' and '.join(names)}: {failure}")
            (new / "lock").unlink(missing_ok=True)
            shutil.rmtree(new / "partial")
            new.rename(folder)
    return folder


def _fetch(base: Path, folder: Path, names: tuple[str, ...]) -> str:
    """Why it failed. What is installed is asked of the base system, not of this machine."""
    (folder / "partial").mkdir(parents=True, exist_ok=True)
    places = (f"Dir::State::status={base}/var/lib/dpkg/status", f"Dir::Cache::archives={folder}")
    options = ("--download-only", "--no-install-recommends", "-o", places[0], "-o", places[1])
    return _apt("install", "--yes", *options, *names)


def _apt(*arguments: str) -> str:
    command = ["apt-get", "-qq", *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    return ran.stderr.strip() if ran.returncode else ""
