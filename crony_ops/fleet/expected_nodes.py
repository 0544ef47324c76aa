"""Which hosts should have an agent: those in group `nodes`, by Ansible's own word.

Ansible takes a second or more to give it, which is too long for whoever looks at a status. So what
it said is kept, and holds until the inventory is written to: no other reader could be trusted to
find the same hosts. An inventory may also be a program, or a plugin that asks a cloud, and then no
file tells that it has changed: nothing is kept for longer than ten minutes.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from crony_ops.errors import InvalidInput, MissingExtra

GROUP = "nodes"
KEPT_FOR = 600.0


def cache_folder(environment: Mapping[str, str]) -> Path:
    told = environment.get("XDG_CACHE_HOME")
    return (Path(told) if told else Path.home() / ".cache") / "crony"


def expected_nodes(inventory: Path, cache: Path, now: float) -> frozenset[str]:
    """The names. ``now`` is in unix seconds; ``cache`` is made if need be, and done without if it
    can't be.

    Raises InvalidInput for an inventory that can't be read, and MissingExtra without Ansible.
    """
    if not inventory.exists():
        raise InvalidInput(reason=f"{inventory}: there is no such inventory")
    state = _state(inventory)
    kept = cache / f"nodes-{hashlib.sha256(bytes(inventory.absolute())).hexdigest()[:16]}.json"
    known = _known(kept, state, now)
    if known is not None:
        return known
    # What is known needs nothing of all that the job files need.
    from crony_ops.catalog.inventory import PROGRAM, read_inventory

    found = read_inventory(inventory)
    if found is None:
        raise MissingExtra(what=f"reading {inventory} with {PROGRAM}", extra="fleet")
    names = found.groups.get(GROUP, frozenset())
    with contextlib.suppress(OSError):
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = kept.with_name(f".{kept.name}.{os.getpid()}")
        new.write_text(json.dumps({"state": state, "at": now, "nodes": sorted(names)}))
        new.replace(kept)
    return names


def _known(kept: Path, state: str, now: float) -> frozenset[str] | None:
    try:
        document: Any = json.loads(kept.read_bytes())
        if document["state"] != state or not 0 <= now - document["at"] < KEPT_FOR:
            return None
        return frozenset(str(name) for name in document["nodes"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _state(inventory: Path) -> str:
    """Another one whenever a file of it is written, comes or goes."""
    digest = hashlib.sha256()
    for path in _files(inventory):
        with contextlib.suppress(OSError):  # it has just gone
            stat = path.stat()
            digest.update(f"{path}\0{stat.st_size}\0{stat.st_mtime_ns}\0".encode())
    return digest.hexdigest()


def _files(inventory: Path) -> Iterator[Path]:
    yield inventory
    if inventory.is_dir():
        yield from sorted(inventory.rglob("*"))
