"""Somebody wants the jobs spread evenly: what of it may be done now, and when it is over."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from crony_ops.model.cluster import Alert, Rebalance, Severity
from crony_ops.store import Txn, delete, mod_is, put
from crony_ops.watcher.order import Order

if TYPE_CHECKING:
    from crony_ops.store.keys import Keys
    from crony_ops.watcher.placement import Placement, Step
    from crony_ops.watcher.view import Seen

LIFE = 86_400.0
"""Seconds that an order stands: a run that takes longer keeps its job where it is."""

_JOBS_NAMED = 20


def join(placement: Placement, steps: Iterable[Step], busy: Collection[tuple[str, str]]) -> None:
    """What may move now goes with the other steps; what has an open run is held until its end."""
    for step in steps:
        if (step.source, step.job_id) in busy:
            placement.held[step.job_id] = "waits for a run to end"
        else:
            placement.steps.append(step)


def ending(keys: Keys, wish: Seen[Rebalance], left: Sequence[Step], now: float) -> Iterable[Order]:
    """The order is taken away when nothing is ``left`` to move, or when it is too old.

    In the latter case an alert says which jobs stay where they are."""
    entry, who = wish.entry, wish.value.who
    when, gone = (mod_is(entry.key, entry.mod_revision),), delete(entry.key)
    if not left:
        yield Order(Txn(when, (gone,)), note=f"the jobs are spread evenly, as {who} wanted")
    elif now - wish.value.at > LIFE:
        jobs = [step.job_id for step in left]
        more = f" and {len(jobs) - _JOBS_NAMED} more" if len(jobs) > _JOBS_NAMED else ""
        alert = Alert(
            id=f"rebalance.{entry.create_revision}",
            cause="rebalance",
            severity=Severity.info,
            title=f"a rebalance is given up with {len(jobs)} jobs left to move",
            message=f"their runs have not ended: {', '.join(jobs[:_JOBS_NAMED])}{more}",
            at=now,
        )
        yield Order(Txn(when, (gone, put(keys.alert(alert.id), alert.to_json()))), alert)
