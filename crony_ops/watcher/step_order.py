"""One job's step from node to node, or in place, in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crony_ops.model.cluster import Outcome
from crony_ops.model.spec import Assignment, Cursor, Spec
from crony_ops.store import Compare, Op, Txn, absent, absent_under, delete, exists, mod_is, put
from crony_ops.watcher.loss import loss_order

if TYPE_CHECKING:
    from crony_ops.store import Entry
    from crony_ops.store.keys import Keys
    from crony_ops.watcher.loss import Loss
    from crony_ops.watcher.placement import Step
    from crony_ops.watcher.view import Given, Seen


def step_order(
    keys: Keys,
    step: Step,
    *,
    now: float,
    spec: Entry,
    wanted: Spec,
    given: Seen[Given] | None,
    cursor: Entry | None,
    loss: Loss | None,
    fence_delay: float,
) -> Txn:
    """One job's step. ``given`` is its assignment at the source; ``loss`` is set when the source
    is dead. The cursor is the target's, and moves up to now where what is due has changed."""
    job_id = step.job_id
    when: list[Compare] = [mod_is(keys.spec(job_id), spec.mod_revision)]
    then: list[Op] = []
    if given is not None:
        when.append(mod_is(given.entry.key, given.entry.mod_revision))
    if step.target and step.target != step.source:
        when += [exists(keys.node(step.target)), absent(keys.job(step.target, job_id))]
    if step.source and step.source != step.target:
        then.append(delete(keys.job(step.source, job_id)))
        if loss is None:
            when.append(absent_under(f"{keys.open_on(step.source)}{job_id}/"))
    if loss is not None:
        outcome = Outcome.moved if step.target else Outcome.unplaced
        ended, ops = loss_order(
            keys,
            step.source,
            job_id,
            loss,
            outcome,
            target=step.target,
            now=now,
            fence_delay=fence_delay,
        )
        when += ended
        then += ops
    if step.target:
        assignment = Assignment(
            job=wanted.job,
            preset_sums=wanted.preset_sums,
            sha256=wanted.sha256,
            spec_revision=spec.mod_revision,
            assigned_at=now,
            moved_from=step.source if step.source != step.target else "",
            stands_in_for=step.stands_in_for,
            leaving=step.leaving,
        )
        then.append(put(keys.job(step.target, job_id), assignment.to_json()))
        cursor_key = keys.cursor(job_id, step.target if wanted.job.run_on.every else "")
        stood_at = tick_of(cursor)
        if stood_at is None or _starts_anew(spec, wanted, given, cursor):
            tick = max(int(now), stood_at or 0)
        elif given is None:
            # Also where it stays as it is: a second look at an old picture must not assign the
            # job twice. The clock that the edit was made by may have been ahead.
            tick = max(stood_at, int(min(wanted.due_from, now)))
        else:
            return Txn(tuple(when), tuple(then))
        when.append(mod_is(cursor_key, cursor.mod_revision if cursor else 0))
        then.append(put(cursor_key, Cursor(tick=tick).to_json()))
    return Txn(tuple(when), tuple(then))


def _starts_anew(
    spec: Entry, wanted: Spec, given: Seen[Given] | None, cursor: Entry | None
) -> bool:
    """Whether ticks up to now are none of this assignment's business.

    So it is with a job that is new (or left the files and came back), with a node that is new to
    a job that runs on every node, and with a change of the schedule, the zone or ``run_on``.
    """
    if cursor is None or spec.create_revision > cursor.mod_revision:
        return True
    if given is None:
        return wanted.job.run_on.every
    if spec.create_revision > given.entry.mod_revision:
        return True
    if given.value.spec_revision == spec.mod_revision:
        return False
    try:
        before = Assignment.from_json(given.entry.value).job
    except ValueError:
        return True
    return before.due_by != wanted.job.due_by


def tick_of(cursor: Entry | None) -> int | None:
    """None where there is no cursor, or none that can be read."""
    try:
        return None if cursor is None else Cursor.from_json(cursor.value).tick
    except ValueError:
        return None
