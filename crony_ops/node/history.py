"""Whether etcd is still the one that this node knew, or an older state of it that was put back."""

from __future__ import annotations

import asyncio
import logging
import math
import sqlite3
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crony_ops.model.cluster import Meta

if TYPE_CHECKING:
    from collections.abc import Callable

    from crony_ops.node.journal import Journal
    from crony_ops.store import Etcd
    from crony_ops.store.keys import Keys

log = logging.getLogger(__name__)

NOTED_EVERY = 60.0
"""Seconds. An agent that is started after a restore knows as much of what was before."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What etcd showed of itself. ``incarnation`` is `/crony/meta`'s, empty where there is none."""

    incarnation: str
    cluster_id: int
    revision: int

    def goes_on_in(self, later: Seen) -> bool:
        """Whether ``later``, asked for after this was seen, can have grown out of it."""
        renamed = self.incarnation and later.incarnation not in ("", self.incarnation)
        return (
            not renamed and later.cluster_id == self.cluster_id and later.revision >= self.revision
        )


class History:
    """``on_break`` is called as soon as etcd is found to be another one, or an older state of the
    one that was known; ``breaks`` counts how often."""

    def __init__(
        self, etcd: Etcd, keys: Keys, journal: Journal, on_break: Callable[[], None]
    ) -> None:
        self._etcd = etcd
        self._key = keys.meta
        self._journal = journal
        self._on_break = on_break
        noted = journal.history()
        self._seen = Seen(*noted) if noted else None
        self._noted_at = -math.inf
        self._unreadable = 0
        self._one_at_a_time = asyncio.Lock()
        self.breaks = 0

    async def check(self) -> None:
        """Look at what etcd is now. Raises StoreError."""
        async with self._one_at_a_time:
            now = await self._look()
            before, self._seen = self._seen, now
            broken = before is not None and not before.goes_on_in(now)
            if broken or time.monotonic() - self._noted_at >= NOTED_EVERY:
                self._note(now)
            if broken:
                log.warning("etcd was restored, or is another one: %s, was %s", now, before)
                self.breaks += 1
                self._on_break()

    async def _look(self) -> Seen:
        found = await self._etcd.range(self._key)
        metas = [entry for entry in found.entries if entry.key == self._key]
        meta = None
        if metas and metas[0].mod_revision != self._unreadable:
            meta = Meta.read(self._key, metas[0].value)
            # Each renewal looks at it, and one line in the log is enough.
            self._unreadable = metas[0].mod_revision if meta is None else 0
        return Seen(meta.incarnation if meta else "", found.cluster_id, found.revision)

    def _note(self, now: Seen) -> None:
        self._noted_at = time.monotonic()
        try:
            self._journal.note_history(now.incarnation, now.cluster_id, now.revision)
        except sqlite3.Error as error:
            log.warning("the journal can't be written: %s", error)
