"""The cursors of a job that can't run elsewhere, brought up to what was taken without etcd."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from crony_ops.model.spec import Cursor
from crony_ops.store import Txn, get, mod_is, put

if TYPE_CHECKING:
    from crony_ops.store import Batcher
    from crony_ops.store.keys import Keys

log = logging.getLogger(__name__)


async def bring_up(batcher: Batcher, keys: Keys, node: str, job_id: str, tick: int) -> None:
    """No claim by this node of a tick up to this one is made any more, also none that is still on
    its way: each compares the cursor. Raises StoreError."""
    for key in (keys.cursor(job_id), keys.cursor(job_id, node)):
        while not await _is_at(batcher, key, tick):
            pass  # somebody else moved it meanwhile


async def _is_at(batcher: Batcher, key: str, tick: int) -> bool:
    found = (await batcher.submit(Txn((), (get(key),)))).responses[0]
    if not isinstance(found, tuple) or not found:
        return True
    entry = found[0]
    try:
        if Cursor.from_json(entry.value).tick >= tick:
            return True
    except ValueError as error:
        log.warning("%s can't be read and is replaced: %s", key, error)
    raised = Txn((mod_is(key, entry.mod_revision),), (put(key, Cursor(tick=tick).to_json()),))
    return (await batcher.submit(raised)).succeeded
