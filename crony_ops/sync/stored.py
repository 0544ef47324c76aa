"""What etcd holds of the wanted jobs, read only as far as a comparison needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic_core import from_json

from crony_ops.model.cluster import SyncRecord
from crony_ops.model.node import Roster
from crony_ops.model.spec import Spec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crony_ops.store.client import Etcd
    from crony_ops.store.entry import Entry
    from crony_ops.store.keys import Keys


@dataclass(frozen=True, slots=True)
class StoredSpec:
    """A spec as it stands in etcd. ``sha256`` is empty for a value that is no spec.

    The sum and the file are enough to compare; the whole is read for what has changed only, since
    10,000 specs cost a tenth of the time that way.
    """

    value: bytes
    revision: int
    sha256: str
    file: str

    @classmethod
    def of(cls, value: bytes, revision: int) -> StoredSpec:
        try:
            raw = from_json(value)
            return cls(value, revision, str(raw["sha256"]), str(raw["source"]["file"]))
        except (ValueError, KeyError, TypeError):
            return cls(value, revision, "", "")

    def read(self) -> Spec | None:
        """The whole spec; None when this version can't read it."""
        try:
            return Spec.from_json(self.value)
        except ValueError:
            return None


@dataclass(frozen=True, slots=True, repr=False)
class Stored:
    """Everything that a sync compares with."""

    specs: Mapping[str, StoredSpec]
    last: SyncRecord | None
    last_revision: int


async def read_stored(etcd: Etcd, keys: Keys) -> Stored:
    last = await etcd.get(keys.sync)
    specs = await etcd.range(keys.specs)
    return Stored(
        specs={
            entry.key.removeprefix(keys.specs): StoredSpec.of(entry.value, entry.mod_revision)
            for entry in specs.entries
        },
        last=_last_sync(last),
        last_revision=last.mod_revision if last else 0,
    )


async def read_holders(etcd: Etcd, keys: Keys) -> dict[str, tuple[str, ...]]:
    """Which nodes, by name, hold each assigned job; a uuid where no name is known."""
    assigned = await etcd.range(keys.jobs, keys_only=True)
    rosters = await etcd.range(keys.rosters)
    names = {entry.key.removeprefix(keys.rosters): _name(entry) for entry in rosters.entries}
    holders: dict[str, list[str]] = {}
    for entry in assigned.entries:
        node, _, job_id = entry.key.removeprefix(keys.jobs).partition("/")
        holders.setdefault(job_id, []).append(names.get(node) or node)
    return {job_id: tuple(sorted(nodes)) for job_id, nodes in holders.items()}


def _name(roster: Entry) -> str:
    try:
        return Roster.from_json(roster.value).node.name
    except ValueError:
        return ""


def _last_sync(entry: Entry | None) -> SyncRecord | None:
    """A record that can't be read is none: it guards and informs, and must not stop a sync."""
    if entry is None:
        return None
    try:
        return SyncRecord.from_json(entry.value)
    except ValueError:
        return None
