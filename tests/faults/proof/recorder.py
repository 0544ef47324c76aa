"""The recorder: every event of the key space, from its first revision to its last, or from what
stands on.

It has a connection of its own, which no fault of a link is on, and goes on at the very revision
after the last that it has, whatever dies meanwhile.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING

from crony_ops.errors import Compacted, LocalClusterFailed, StoreError
from crony_ops.local.waiting import wait_until
from crony_ops.store import Etcd, EtcdSettings
from tests.faults.proof.history import WRITES, Write, write_line

if TYPE_CHECKING:
    from crony_ops.store.watch import Delivery

EVERYTHING = "/"
"""Also what is not of the key space: so that each revision is seen, whatever it is of."""
_SILENCE = 3.0
_PAUSE = 0.2


class RecordIncomplete(Exception):
    """What was recorded does not add up to what etcd holds: the run proves nothing."""


class Recorder:
    """``revision``: all up to here is on record, so that etcd may forget it. ``watched``: what is
    looked at, where not everything may be."""

    def __init__(
        self, settings: EtcdSettings, prefix: str, folder: Path, *, watched: str = EVERYTHING
    ) -> None:
        self.revision = 0
        self._settings = settings
        self._prefix = prefix
        self._watched = watched
        self._path = folder / WRITES
        self._present: dict[str, int] = {}

    async def begin(self, etcd: Etcd) -> int:
        """Put on record what stands, and go on from there. The revision up to which that is; it is
        `Setup.since`. Raises StoreError."""
        stands = await etcd.range(self._prefix)
        now = round(time.time(), 3)
        with self._path.open("w", encoding="utf-8") as file:
            for entry in sorted(stands.entries, key=lambda entry: entry.mod_revision):
                value = entry.value.decode("utf-8", "replace")
                write = Write(entry.mod_revision, now, entry.key, value, entry.lease)
                file.write(write_line(write))
                self._present[entry.key] = entry.mod_revision
        self.revision = stands.revision
        return stands.revision

    async def run(self) -> None:
        """Until cancelled. Raises Compacted should etcd have forgotten what was not recorded."""
        with self._path.open("a" if self.revision else "w", encoding="utf-8") as file:

            def take(delivery: Delivery) -> None:
                now = round(time.time(), 3)
                for event in delivery.events:
                    if not event.key.startswith(self._prefix):
                        continue
                    previous = self._present.get(event.key, 0)
                    value, lease = None, 0
                    if event.entry is not None:
                        value = event.entry.value.decode("utf-8", "replace")
                        lease = event.entry.lease
                        self._present[event.key] = event.revision
                    else:
                        self._present.pop(event.key, None)
                    write = Write(event.revision, now, event.key, value, lease, previous)
                    file.write(write_line(write))
                file.flush()  # whoever wants to knows of it while the record goes on
                self.revision = max(self.revision, delivery.complete_to)

            async with Etcd(self._settings) as etcd:
                while True:
                    try:
                        cluster_id, _ = await etcd.head()
                        starts = {self._watched: self.revision + 1}
                        await etcd.watch(starts, take, cluster_id=cluster_id, silence=_SILENCE)
                    except Compacted:
                        raise
                    except StoreError:
                        await asyncio.sleep(_PAUSE)

    async def complete(self, etcd: Etcd, within: float) -> None:
        """Wait until all that is there is on record.

        Nobody may write any more, but leases may still end. Raises RecordIncomplete, StoreError.
        """
        present: dict[str, int] = {}

        async def all_is_recorded() -> bool:
            nonlocal present
            there = await etcd.range(self._prefix, keys_only=True)
            present = {entry.key: entry.mod_revision for entry in there.entries}
            return self._present == present

        try:
            await wait_until(all_is_recorded, "the record is complete", within)
        except LocalClusterFailed:
            wrong = {key for key, _ in present.items() ^ self._present.items()}
            raise RecordIncomplete(
                f"{len(wrong)} keys are not as recorded: {sorted(wrong)[:5]}"
            ) from None
