"""Somebody wants the jobs spread evenly: what of it may be done now, and when it is over."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from typing import TYPE_CHECKING

from crony_ops.alerts.phrases import first_of, phrased
from crony_ops.model.alert import Alert, Cause, Severity
from crony_ops.store import Txn, delete, mod_is
from crony_ops.watcher.eligibility import may_have
from crony_ops.watcher.order import Order, make_alerts

if TYPE_CHECKING:
    from crony_ops.model.cluster import Rebalance
    from crony_ops.store.keys import Keys
    from crony_ops.watcher.eligibility import Fleet, Want
    from crony_ops.watcher.placement import Placement, Step
    from crony_ops.watcher.view import Seen

LIFE = 86_400.0
"""Seconds that an order stands: a run that takes longer keeps its job where it is."""

_JOBS_NAMED = 20


def foreseen(
    assigned: Mapping[str, Mapping[str, int]], steps: Iterable[Step]
) -> dict[str, dict[str, int]]:
    """``assigned`` as in `place`, when those steps have been taken."""
    after = {job_id: dict(homes) for job_id, homes in assigned.items()}
    for step in steps:
        homes = after.setdefault(step.job_id, {})
        revision = homes.pop(step.source, 0)
        if step.target:
            homes[step.target] = revision
    return after


def standing(
    steps: Iterable[Step],
    wants: Mapping[str, Want],
    assigned: Mapping[str, Mapping[str, int]],
    fleet: Fleet,
    fixed: Set[str],
) -> list[Step]:
    """Those of the steps, decided on an older picture, that could be decided on this one too:
    the job is where it was, may stay there and may go, and is not among those that are ``fixed``.
    ``wants`` go by job id."""

    def stands(step: Step) -> bool:
        want = wants.get(step.job_id)
        return (
            want is not None
            and want.movable
            and step.job_id not in fixed
            and assigned.get(step.job_id, {}).keys() == {step.source}
            and may_have(want, step.source, fleet)
            and may_have(want, step.target, fleet)
        )

    return [step for step in steps if stands(step)]


def join(placement: Placement, steps: Iterable[Step], busy: Collection[tuple[str, str]]) -> int:
    """What may move now goes with the other steps; what has an open run is held until its end.

    Returns how many move."""
    before = len(placement.steps)
    for step in steps:
        if (step.source, step.job_id) in busy:
            placement.held[step.job_id] = "waits for a run to end"
        else:
            placement.steps.append(step)
    return len(placement.steps) - before


def ending(keys: Keys, wish: Seen[Rebalance], left: Sequence[Step], now: float) -> Iterable[Order]:
    """The order is taken away when nothing is ``left`` to move, or when it is too old.

    In the latter case an alert says which jobs stay where they are."""
    entry, who = wish.entry, wish.value.who
    when, gone = (mod_is(entry.key, entry.mod_revision),), delete(entry.key)
    if not left:
        yield Order(Txn(when, (gone,)), note=f"the jobs are spread evenly, as {who} wanted")
    elif now - wish.value.at > LIFE:
        jobs = [step.job_id for step in left]
        alert = phrased(
            Alert(
                id=f"rebalance.{entry.create_revision}",
                cause=Cause.rebalance,
                severity=Severity.info,
                title="",
                message="",
                at=now,
                facts={"left": len(jobs), "jobs": first_of(jobs, _JOBS_NAMED)},
            )
        )
        yield Order(Txn(when, (gone, *make_alerts(keys, [alert]))), (alert,))
