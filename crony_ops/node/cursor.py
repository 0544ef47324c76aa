"""The cursors of a job that can't run elsewhere, brought up to what was taken without etcd."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from crony_ops.model.spec import Cursor
from crony_ops.store import Txn, get, mod_is, put

if TYPE_CHECKING:
    from crony_ops.store import Batcher, Entry
    from crony_ops.store.keys import Keys

log = logging.getLogger(__name__)


async def bring_up(batcher: Batcher, keys: Keys, node: str, job_id: str, tick: int) -> None:
    """No claim by this node of a tick up to this one is made any more, also none that is still on
    its way: each compares the cursor. Raises StoreError."""
    while not await _are_at(batcher, (keys.cursor(job_id), keys.cursor(job_id, node)), tick):
        pass  # somebody else moved one meanwhile


async def _are_at(batcher: Batcher, cursors: Sequence[str], tick: int) -> bool:
    found = (await batcher.submit(Txn((), tuple(map(get, cursors))))).responses
    behind = [
        entry
        for entries in found
        if isinstance(entries, tuple)
        for entry in entries
        if not _is_at(entry, tick)
    ]
    if not behind:
        return True
    when = tuple(mod_is(entry.key, entry.mod_revision) for entry in behind)
    then = tuple(put(entry.key, Cursor(tick=tick).to_json()) for entry in behind)
    return (await batcher.submit(Txn(when, then))).succeeded


def _is_at(entry: Entry, tick: int) -> bool:
    try:
        return Cursor.from_json(entry.value).tick >= tick
    except ValueError as error:
        log.warning("%s can't be read and is replaced: %s", entry.key, error)
        return False
