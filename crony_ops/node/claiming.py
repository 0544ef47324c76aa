"""A claim's outcome, for certain: made, or refused and by what."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from crony_ops.errors import OutcomeUnknown, StoreRefused, StoreUnavailable
from crony_ops.store import Op, Txn, TxnResult, get
from crony_ops.store.txn import Action

if TYPE_CHECKING:
    from crony_ops.node.claims import Claimant
    from crony_ops.node.holding import Holding
    from crony_ops.store import Batcher

log = logging.getLogger(__name__)

RETRY = 0.2


async def submit_claim(
    batcher: Batcher, me: Claimant, holding: Holding, claim: Txn, in_doubt: Callable[[], None]
) -> TxnResult:
    """A refused result's responses are what stands now, for ``Standing.of``.

    Waits as long as it takes to know, but for a claim that is still on its way when it is looked
    up: it may be made later, and ``in_doubt`` is called for that. Raises StoreUnavailable when the
    claim was never sent, and StoreRefused; an etcd that runs out of space may do what it says it
    refuses, so that is looked up, too.
    """
    try:
        return await batcher.submit(claim)
    except (OutcomeUnknown, StoreRefused) as error:
        in_doubt()
        result = await _read_back(batcher, me, holding, claim)
        if isinstance(error, StoreRefused) and not result.succeeded:
            raise
        return result


async def _read_back(batcher: Batcher, me: Claimant, holding: Holding, claim: Txn) -> TxnResult:
    """A claim writes its keys in one revision, so its last put tells: there with our very value,
    it was made."""
    last = [op for op in claim.then if isinstance(op, Op) and op.action is Action.PUT][-1]
    question = Txn((), (get(last.key), *me.as_it_stands(holding)))
    while True:
        try:
            found = await batcher.submit(question)
            break
        except (StoreUnavailable, OutcomeUnknown):
            await asyncio.sleep(RETRY)
    made = found.responses[0]
    if isinstance(made, tuple) and made and made[0].value == last.value:
        log.info("a claim of %s was made after all", holding.job_id)
        return TxnResult(True, made[0].mod_revision, ())
    return TxnResult(False, found.revision, found.responses[1:])
