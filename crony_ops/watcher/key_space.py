"""Whether a key space is ours: the first watcher makes `/crony/meta`, the others read it."""

from __future__ import annotations

import asyncio
import logging
import secrets
from typing import TYPE_CHECKING

from crony_ops.errors import NewerKeySpace, StoreError, UnreadableKeySpace
from crony_ops.model.cluster import KEY_SPACE_VERSION, Meta
from crony_ops.store import Txn, absent, put

if TYPE_CHECKING:
    from crony_ops.store import Etcd
    from crony_ops.store.keys import Keys

log = logging.getLogger(__name__)

RETRY = 0.5


async def meet_key_space(etcd: Etcd, keys: Keys, cluster: str) -> None:
    """Make `/crony/meta` if it is not there; refuse a key space that is newer than we are. Waits
    for etcd. Raises NewerKeySpace and UnreadableKeySpace."""
    meta = Meta(incarnation=secrets.token_hex(8), cluster=cluster)
    key = keys.meta
    complained = False
    while True:
        try:
            await etcd.txn(Txn((absent(key),), (put(key, meta.to_json()),)))
            entry = await etcd.get(key)
            break
        except StoreError as error:
            if not complained:
                log.warning("waiting for etcd: %s", error)
            complained = True
            await asyncio.sleep(RETRY)
    assert entry is not None
    try:
        found = Meta.from_json(entry.value).version
    except ValueError as error:
        raise UnreadableKeySpace(key=key, reason=" ".join(str(error).split())) from None
    if found > KEY_SPACE_VERSION:
        raise NewerKeySpace(prefix=keys.root, found=found, known=KEY_SPACE_VERSION)
