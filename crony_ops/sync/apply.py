"""A plan as transactions: each job's change compares what the plan saw, many to a request."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crony_ops.errors import OutcomeUnknown
from crony_ops.model.node import Pause
from crony_ops.store.txn import Txn, delete, mod_is, put
from crony_ops.sync.plan import Action

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from crony_ops.model.spec import Spec
    from crony_ops.store.client import Etcd
    from crony_ops.store.keys import Keys
    from crony_ops.store.txn import Compare, Op
    from crony_ops.sync.plan import JobChange, Plan

# etcd's own defaults: --max-txn-ops for the conditions and for the operations of a request, and
# --max-request-bytes of 1.5 MiB, which must hold the keys and the wrapping too.
MAX_OPS = 128
MAX_BYTES = 1024 * 1024
_IN_FLIGHT = 4


@dataclass(frozen=True, slots=True)
class Edit:
    """One job's change: what must hold, and what is done then. Never split over requests."""

    when: tuple[Compare, ...]
    then: tuple[Op, ...]

    @property
    def size(self) -> int:
        return sum(len(op.value) for op in self.then)


def edits(plan: Plan, keys: Keys, who: str, now: float) -> Iterator[Edit]:
    """A removal takes the spec away and pauses the job at once, so that it stops even while no
    watcher leads. The pause of a job that comes back is the leader's to end: it moves the cursor up
    with it, so that nothing fires for the time in between."""
    removal = Pause(who=who, at=now, why="removed from the files", removal=True).to_json()
    for change in plan:
        spec = keys.spec(change.job_id)
        if change.wanted is None:
            then: tuple[Op, ...] = (delete(spec), put(keys.pause(change.job_id), removal))
        else:
            due_from = _due_from(change, change.wanted, now)
            then = (put(spec, change.wanted.model_copy(update={"due_from": due_from}).to_json()),)
        yield Edit((mod_is(spec, change.revision),), then)


def _due_from(change: JobChange, wanted: Spec, now: float) -> float:
    """For a job that is on no node at this moment: nobody moves its cursor up before it is on one,
    and then the old spec is gone. A new job has no past."""
    if change.action is Action.add:
        return 0.0
    old = change.stored
    return old.due_from if old and old.job.due_by == wanted.job.due_by else now


def batches(edits: Iterable[Edit], guards: int) -> Iterator[list[Edit]]:
    """As many edits to a request as etcd takes beside ``guards`` conditions of its own."""
    batch: list[Edit] = []
    conditions, ops, size = guards, 0, 0
    for edit in edits:
        conditions, ops, size = conditions + len(edit.when), ops + len(edit.then), size + edit.size
        if batch and (max(conditions, ops) > MAX_OPS or size > MAX_BYTES):
            yield batch
            batch = []
            conditions, ops, size = guards + len(edit.when), len(edit.then), edit.size
        batch.append(edit)
    if batch:
        yield batch


async def apply_edits(
    etcd: Etcd,
    edits: Iterable[Edit],
    guards: tuple[Compare, ...],
    on_progress: Callable[[int], None],
) -> bool:
    """Send them; False once a condition did not hold, or nobody knows whether it did.

    What was sent before stands, and a plan made anew lacks it: so it is safe to go on from there.
    ``on_progress`` gets the number of edits done so far.
    """
    refused = False
    done = 0

    async def send(batch: Sequence[Edit]) -> None:
        nonlocal refused, done
        when = guards + tuple(condition for edit in batch for condition in edit.when)
        then = tuple(op for edit in batch for op in edit.then)
        try:
            answer = await etcd.txn(Txn(when, then))
        except OutcomeUnknown:
            refused = True
        else:
            if answer.succeeded:
                done += len(batch)
                on_progress(done)
            else:
                refused = True
        finally:
            gate.release()

    # The next requests are written while etcd works on the ones before; no job is in two of them.
    gate = asyncio.Semaphore(_IN_FLIGHT)
    async with asyncio.TaskGroup() as group:
        for batch in batches(edits, len(guards)):
            await gate.acquire()
            if refused:
                break
            group.create_task(send(batch))
    return not refused
