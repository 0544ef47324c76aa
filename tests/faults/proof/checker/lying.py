"""Was anything left lying, with nobody in trouble? A mirror that has lost its watch shows so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crony_ops.model.node import Pause
from tests.faults.proof.checker.due import PATIENCE, stretches, takes_since
from tests.faults.proof.checker.index import assignment, spec, tick_of
from tests.faults.proof.checker.violation import Violation, shown

if TYPE_CHECKING:
    from crony_ops.model.job import Job
    from tests.faults.proof.checker.index import Index
    from tests.faults.proof.checker.trouble import Trouble
    from tests.faults.proof.history import Write

NEGLECTED = 25.0
"""Seconds in which a node comes to each of its jobs while it claims at all. It takes 18 where one
claim's answer is lost, its mirror lags behind, and etcd refuses it then."""
RULE = "nothing is left lying"


def due_and_left(index: Index, trouble: Trouble) -> Iterator[Violation]:
    """Ticks that were due on a node that was there, had them, and took none for a long time."""
    keys, going_on = index.keys, stretches(index)
    for write in index.under(keys.cursors):
        before = index.before(write.key, write.revision)
        stood_at = tick_of(before)
        if write.value is None or before is None or stood_at is None:
            continue
        if write.at - stood_at <= PATIENCE:
            continue
        job_id, *node = index.tail(write, keys.cursors)
        held = [
            one
            for one in index.assigned(job_id, write.revision)
            if not node or one.key == keys.job(node[0], job_id)
        ]
        if not held:
            continue
        until = _until(index, job_id, write)
        since = takes_since(index, trouble, held[0], stood_at, write.revision, until)
        if since is None or until - since <= PATIENCE:
            continue
        home = index.tail(held[0], keys.jobs)[0]
        name = index.names.get(home, home)
        what = f"{name} left {job_id} lying for {until - since:.0f} s"
        if trouble.quiet([name], since, until) > PATIENCE:
            yield Violation(RULE, f"{what}, with nothing amiss", (held[0], before, write))
        elif _beside_others(held[0], going_on[home], since, until) > NEGLECTED:
            yield Violation(RULE, f"{what}, and went on with others", (held[0], before, write))


def _until(index: Index, job_id: str, write: Write) -> float:
    """Until when its cursor could have been moved by a claim: while the job is paused, by none."""
    pause = index.before(index.keys.pause(job_id), write.revision)
    if pause is None:
        return write.at
    return min(write.at, Pause.from_json((pause.value or "").encode()).at)


def _beside_others(
    held: Write, going_on: Iterable[tuple[float, float]], since: float, until: float
) -> float:
    """For how long its node took ticks of other jobs in each second, and none of this one. A job
    that can't run elsewhere may be in its journal."""
    if assignment(held.value or "").job.run_on.bound:
        return 0.0
    both = (min(until, over) - max(since, began) for began, over in going_on)
    return max(both, default=0.0)


def wanted_and_left(index: Index, trouble: Trouble) -> Iterator[Violation]:
    """Specs that no assignment followed for a long time, with a leader and a node for the job."""
    keys, end = index.keys, index.history.end.at
    for write in index.under(keys.specs):
        if write.value is None:
            continue
        job_id = write.key.removeprefix(keys.specs)
        job = spec(write.value).job
        over = index.next_write(write.key, write.revision)
        until = end if over is None else over.at
        # It may have gone from node to node since.
        given = min(
            (
                one
                for key in index.homes.get(job_id, ())
                for one in index.versions(key)
                if one.value and assignment(one.value).spec_revision == write.revision
            ),
            key=lambda one: one.revision,
            default=None,
        )
        until = until if given is None else min(until, given.at)
        if until - write.at <= PATIENCE or not _has_a_place(index, job, write.at, until):
            continue
        if trouble.quiet(index.setup.watchers, write.at, until) > PATIENCE:
            what = f"{job_id} was wanted and not assigned for {until - write.at:.0f} s"
            yield Violation(RULE, what, shown(write, given))


def _has_a_place(index: Index, job: Job, since: float, until: float) -> bool:
    """Whether a node that may have the job was there, not cordoned, all the time."""
    for name, node in index.setup.nodes.items():
        fits = (
            job.run_on.node in (None, name, node.uuid)
            and (job.run_on.group is None or job.run_on.group in node.groups)
            and set(job.presets) <= set(node.presets)
        )
        gone = [w for w in index.versions(index.keys.node(node.uuid)) if w.value is None]
        first = next(iter(index.versions(index.keys.node(node.uuid))), None)
        if (
            fits
            and first is not None
            and first.at <= since
            and not any(since - PATIENCE <= write.at <= until for write in gone)
            and not _was_cordoned(index, node.uuid, since - PATIENCE, until)
        ):
            return True
    return False


def _was_cordoned(index: Index, node: str, since: float, until: float) -> bool:
    """At any time between two moments."""
    before: Write | None = None
    for write in index.versions(index.keys.cordon(node)):
        if since <= write.at <= until:
            return True
        before = write if write.at < since else before
    return before is not None and before.value is not None
