"""Which hosts and groups Ansible knows, by the word of `ansible-inventory` itself."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from crony_ops.errors import InvalidInput

PROGRAM = "ansible-inventory"
_PATIENCE = 60


class Inventory(NamedTuple):
    """``groups`` map a name to all hosts in it, also those of its children. ``variables`` map a
    host to its own, those of its groups included; templates in them are as they are written."""

    hosts: frozenset[str]
    groups: Mapping[str, frozenset[str]]
    variables: Mapping[str, Mapping[str, Any]] = MappingProxyType({})


def find_inventory(folder: Path) -> Path | None:
    """Where the inventory for the jobs in ``folder`` is: beside it, as `inventory/` or as an
    `ansible.cfg` that names one."""
    for base in (folder, folder.parent):
        for found in (base / "inventory", base / "ansible.cfg"):
            if found.is_file() or (found.is_dir() and any(found.iterdir())):
                return found
    return None


def read_inventory(path: Path) -> Inventory | None:
    """None if Ansible is not installed here. Raises InvalidInput with Ansible's own words.

    ``path`` is an inventory, or an `ansible.cfg`, whose folder is then Ansible's.
    """
    # That of our own environment need not be on PATH.
    program = shutil.which(PROGRAM) or shutil.which(Path(sys.executable).with_name(PROGRAM))
    if program is None:
        return None
    named = () if path.name == "ansible.cfg" else ("--inventory", str(path.absolute()))
    try:
        done = subprocess.run(
            [program, "--list", *named],
            cwd=path.absolute().parent,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InvalidInput(reason=f"{path} can't be read: {error}") from error
    if done.returncode:
        words = done.stderr.strip().splitlines() or [f"{PROGRAM} ends with {done.returncode}"]
        raise InvalidInput(reason=f"{path} can't be read: {words[-1]}")
    try:
        return inventory_of(json.loads(done.stdout))
    except (ValueError, AttributeError, TypeError) as error:
        raise InvalidInput(reason=f"{path} can't be read: {PROGRAM} prints no such list") from error


def inventory_of(listed: Mapping[str, Any]) -> Inventory:
    """From the document of `ansible-inventory --list`. Pure."""

    def hosts_in(group: str, above: frozenset[str]) -> frozenset[str]:
        own = listed.get(group) or {}
        found = frozenset(own.get("hosts", ()))
        for child in own.get("children", ()):
            if child not in above:
                found |= hosts_in(child, above | {child})
        return found

    # Ansible leaves a group without hosts out of the top, and names it among the children.
    names = {name for name in listed if name != "_meta"}
    names |= {child for name in names for child in (listed[name] or {}).get("children", ())}
    groups = {name: hosts_in(name, frozenset((name,))) for name in names}
    known = listed.get("_meta", {}).get("hostvars", {})
    return Inventory(frozenset().union(known, *groups.values()), groups, known)
