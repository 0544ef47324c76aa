"""`crony-ops restored`: etcd stands where a snapshot of it stood, and the world has gone on."""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from crony_ops.cli.cursors import check_clock, tick_of
from crony_ops.cli.terminal.confirm import confirmed
from crony_ops.cli.terminal.connection import connected
from crony_ops.cli.terminal.output import console, progress
from crony_ops.errors import CronyError, NewerKeySpace, OutcomeUnknown, UnreadableKeySpace
from crony_ops.model.cluster import KEY_SPACE_VERSION, Meta
from crony_ops.model.spec import Cursor
from crony_ops.store.keys import Keys
from crony_ops.store.settings import EtcdSettings  # noqa: TC001 - read at runtime by `connected`
from crony_ops.store.txn import Txn, TxnResult, delete_prefix, mod_is, put

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crony_ops.store.client import Etcd
    from crony_ops.store.entry import Entry

# Each nests in a request of 128 operations at most.
_CURSORS_AT_ONCE = 120
_TRIES = 20


class NoKeySpace(CronyError):
    message = "there is nothing under {prefix}: is this the etcd that was restored?"


class NotRestored(CronyError):
    message = "not restored yet: {reason}. Run it again: what is done stays done"


@dataclass(frozen=True, slots=True)
class Restored:
    """How many cursors were moved up, and how many runs were given up that had been queued or
    asked for."""

    cursors: int
    runs: int


@connected
def restored(
    settings: EtcdSettings,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="don't ask")] = False,
) -> None:
    """Tell the cluster that etcd was restored from a snapshot: nothing of the past is to be run.

    What was run since the snapshot stands nowhere any more. So every cursor moves up to now, runs
    that had been queued or asked for are dropped, and the key space gets a new incarnation, upon
    which the agents register anew. What really ran is told by the logs on the nodes.

    Examples:
      $ crony-ops restored --yes
    """
    confirmed(
        f"Was etcd restored? All ticks up to now, and all queued runs under {settings.prefix}, "
        "are given up.",
        yes,
    )
    done = asyncio.run(restore(settings))
    console().print(
        f"{done.cursors:,} cursors are at now, {done.runs:,} queued runs are dropped; "
        "the agents register anew"
    )


async def restore(settings: EtcdSettings) -> Restored:
    """Cursors first, the incarnation last: who learns of it finds nothing of the past. A run that
    ends half-way has done no harm, and the next one begins anew.

    Raises StoreError, NoKeySpace, NewerKeySpace, UnreadableKeySpace, ClockError and NotRestored.
    """
    from crony_ops.store.client import Etcd

    keys = Keys(settings.prefix)
    async with Etcd(settings) as etcd:
        standing = await etcd.get(keys.meta)
        if standing is None:
            raise NoKeySpace(prefix=settings.prefix)
        meta = _read(standing, settings.prefix)
        await check_clock(etcd, keys, nodes_may_be_old=True)
        cursors = await _move_up(etcd, keys, int(time.time()))
        incarnation = secrets.token_hex(8)
        anew = Txn(
            (mod_is(keys.meta, standing.mod_revision),),
            (
                put(keys.meta, meta.model_copy(update={"incarnation": incarnation}).to_json()),
                delete_prefix(keys.queue),
                delete_prefix(keys.onces),
            ),
        )
        try:
            result = await etcd.txn(anew)
        except OutcomeUnknown:
            now = await etcd.get(keys.meta)
            if now is None or _read(now, settings.prefix).incarnation != incarnation:
                raise
            return Restored(cursors, 0)
        if not result.succeeded:
            raise NotRestored(reason="somebody else has changed the incarnation meanwhile")
        return Restored(cursors, sum(n for n in result.responses if isinstance(n, int)))


def _read(entry: Entry, prefix: str) -> Meta:
    try:
        meta = Meta.from_json(entry.value)
    except ValueError as error:
        raise UnreadableKeySpace(key=entry.key, reason=" ".join(str(error).split())) from None
    if meta.version > KEY_SPACE_VERSION:
        raise NewerKeySpace(prefix=prefix, found=meta.version, known=KEY_SPACE_VERSION)
    return meta


async def _move_up(etcd: Etcd, keys: Keys, now: int) -> int:
    """Until none is behind ``now``; how many were moved. Agents may go on claiming meanwhile."""
    moved = 0
    for _ in range(_TRIES):
        entries = (await etcd.range(keys.cursors)).entries
        behind = [entry for entry in entries if tick_of(entry) < now]
        if not behind:
            return moved
        with progress("moving cursors") as advance:
            for start in range(0, len(behind), _CURSORS_AT_ONCE):
                moved += await _put(etcd, behind[start : start + _CURSORS_AT_ONCE], now)
                advance(start, len(behind))
    raise NotRestored(reason="others keep changing the cursors")


async def _put(etcd: Etcd, cursors: Sequence[Entry], now: int) -> int:
    """How many of them were where they had been read. What became of an unanswered request shows
    when all are listed again."""
    value = Cursor(tick=now).to_json()
    each = tuple(
        Txn((mod_is(entry.key, entry.mod_revision),), (put(entry.key, value, entry.lease),))
        for entry in cursors
    )
    try:
        result = await etcd.txn(Txn((), each))
    except OutcomeUnknown:
        return 0
    return sum(isinstance(one, TxnResult) and one.succeeded for one in result.responses)
