"""What is stored under a key, and how it changed. Pure data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """A key as etcd holds it. ``lease`` is 0 for a key that hangs on none."""

    key: str
    value: bytes
    create_revision: int
    mod_revision: int
    version: int
    lease: int


def shown_key(key: str) -> str:
    """Fit to be shown: a key is bytes, and a stranger's may be no UTF-8 or steer a terminal."""
    text = key.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All keys of a prefix at one revision, in the order of their bytes."""

    revision: int
    entries: list[Entry]
    cluster_id: int


@dataclass(frozen=True, slots=True)
class Change:
    """A key that is not what it was: ``old`` is None for a new one, ``new`` for a deleted one."""

    key: str
    old: Entry | None
    new: Entry | None
