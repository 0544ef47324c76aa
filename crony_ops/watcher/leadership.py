"""Who leads: the watcher whose lease holds `/crony/leader`.

The key's create revision names a term of leadership. Every write of a leader compares it, so that
a deposed leader can't write whatever it believes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crony_ops.alerts.phrases import phrased
from crony_ops.errors import OutcomeUnknown
from crony_ops.model.alert import Alert, Cause, Severity
from crony_ops.store import Txn, absent, create_is, delete, put
from crony_ops.watcher.order import make_alerts

if TYPE_CHECKING:
    from crony_ops.model.cluster import Leader
    from crony_ops.store import Etcd, Mirror
    from crony_ops.store.keys import Keys


async def win_election(
    etcd: Etcd, mirror: Mirror, keys: Keys, *, claim: Leader, lease: int, before: Leader | None
) -> int | None:
    """Try once, if nobody leads: the term (a create revision) if we lead now, else None. People
    are told in the same transaction if another watcher led ``before``.

    A term that hangs on this very lease is ours and goes on. Raises StoreError when etcd is away.
    """
    standing = mirror.get(keys.leader)
    if standing is not None:
        return standing.create_revision if standing.lease == lease else None
    told = make_alerts(keys, took_over(claim, before, lease=lease))
    try:
        result = await etcd.txn(
            Txn((absent(keys.leader),), (put(keys.leader, claim.to_json(), lease=lease), *told))
        )
    except OutcomeUnknown:
        entry = await etcd.get(keys.leader)
        return entry.create_revision if entry is not None and entry.lease == lease else None
    return result.revision if result.succeeded else None


def took_over(claim: Leader, before: Leader | None, *, lease: int) -> list[Alert]:
    """What is told of a change of leaders: nothing, where the same watcher leads again or nobody
    knows of another one."""
    if before is None or before.id == claim.id:
        return []
    alert = Alert(
        id=f"watcher-took-over.{claim.id}.{lease:x}.{int(claim.since)}",
        cause=Cause.watcher_took_over,
        severity=Severity.info,
        title="",
        message="",
        at=claim.since,
        since=before.since,
        facts={"watcher": claim.id, "before": before.id},
    )
    return [phrased(alert)]


async def step_down(etcd: Etcd, keys: Keys, term: int) -> None:
    await etcd.txn(Txn((create_is(keys.leader, term),), (delete(keys.leader),)))
