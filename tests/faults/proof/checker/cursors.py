"""Does every move of a cursor account for the ticks that it passes? So none is forgotten.

A cursor says that every tick up to it is accounted for. Whoever moves it up either claims the next
tick, or queues and counts what was missed, or begins anew because what is due has changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from crony_ops.model.node import Pause
from crony_ops.model.run import GapRecord, QueuedRun, RunKind, read_run
from tests.faults.proof.checker.due import PATIENCE, takes_since
from tests.faults.proof.checker.index import assignment, puts, tick_of, timing
from tests.faults.proof.checker.violation import Violation

if TYPE_CHECKING:
    from crony_ops.model.job import Job
    from tests.faults.proof.checker.index import Index
    from tests.faults.proof.checker.trouble import Trouble
    from tests.faults.proof.history import Write

NAMED = 3


def leapt_over(index: Index) -> Iterator[Violation]:
    """Cursors that went back, and ticks that a cursor passed and nobody accounted for."""
    for write in index.under(index.keys.cursors):
        before = index.before(write.key, write.revision)
        stands_at, stood_at = tick_of(write), tick_of(before)
        if stands_at is None or stood_at is None or before is None or stands_at == stood_at:
            continue
        job_id, *node = index.tail(write, index.keys.cursors)
        if _is_reset(index, job_id, "".join(node), write, stands_at):
            continue
        if stands_at < stood_at:
            what = f"the cursor of {job_id} went from {stood_at} back to {stands_at}"
            yield Violation("a cursor never goes back", what, (before, write))
            continue
        yield from _unaccounted(index, job_id, "".join(node), before, write)


def _is_reset(index: Index, job_id: str, node: str, write: Write, stands_at: int) -> bool:
    """An order puts the cursor at its "now", by the operator's clock, that no fault touches. When
    the recorder heard of it says less, for that is behind at times."""
    resets = index.resets_between(job_id, stands_at, stands_at + 1)
    if not resets:
        return False
    given = index.assigned(job_id, write.revision)
    mine = [one for one in given if not node or one.key == index.keys.job(node, job_id)]
    # The assignment goes with it, as it was; one that came meanwhile was not seen.
    ordered_at = min(order.began for order in resets)
    return all(held.at >= ordered_at or _is_put_again(index, held, write) for held in mine)


def _is_put_again(index: Index, held: Write, write: Write) -> bool:
    again = index.beside(write, held.key)
    return again is not None and again.value == held.value


def _unaccounted(
    index: Index, job_id: str, node: str, before: Write, write: Write
) -> Iterator[Violation]:
    request = index.requests[write.revision]
    if _begins_anew(index, job_id, write):
        return
    at = f"@{index.names.get(node, '')}" if node else ""
    if any(
        claim.run.kind is RunKind.tick
        and (claim.run.job_id, claim.run.tick) == (job_id, tick_of(write))
        and claim.run.run_id.endswith(at)
        for claim in index.claims_at.get(write.revision, ())
    ):
        return  # it is judged as a claim
    job = _job(index, job_id, node, write.revision)
    if job is None:
        return
    schedule, _ = timing(job, job_id)
    after, until = tick_of(before) or 0, tick_of(write) or 0
    queued = {
        QueuedRun.from_json((one.value or "").encode()).tick
        for one in puts(request, index.keys.queue_of(job_id))
        if one.key.endswith(at)
    }
    gaps = [
        record
        for one in puts(request, index.keys.runs_of(job_id))
        if isinstance(record := read_run((one.value or "").encode()), GapRecord)
        and one.key.endswith(at)
        and record.last > after
    ]
    # What a clock that is ahead has passed, and is still to come, comes when the cursor is reset.
    come = int(write.at + index.setup.claim_ahead + index.setup.tolerance)
    left = (
        tick
        for tick in schedule.between(after, min(until, come))
        if tick not in queued
        and not any(gap.first <= tick <= gap.last for gap in gaps)
        and not (job.run_on.bound and _told_of(index, job_id, at, tick))
    )
    some = list(islice(left, NAMED))
    if some:
        what = f"the cursor of {job_id} passed ticks that nobody accounted for: {some}"
        yield Violation("every tick is accounted for", what, (before, write))
    for gap in gaps:
        ticks = schedule.count(gap.first - 1, gap.last)
        if ticks != gap.count or gap.first <= after:
            what = f"a gap of {job_id} counts {gap.count} of {ticks} ticks from {gap.first} on"
            yield Violation("a gap counts its ticks", what, (before, write))


def _begins_anew(index: Index, job_id: str, write: Write) -> bool:
    """Whether what is due has changed by the same request: the job was resumed, or came back, or
    its schedule, zone or place is another than when it was last assigned."""
    keys, request = index.keys, index.requests[write.revision]
    pause = index.beside(write, keys.pause(job_id))
    if pause is not None and pause.value is None:
        return True
    given = [one for one in puts(request, keys.jobs) if one.key.endswith(f"/{job_id}")]
    if not given:
        return False
    # One that nobody had goes on where it stood, unless it was edited meanwhile.
    last = _last_given(index, job_id, write.revision)
    if last is None:
        return True
    spec = index.versions(keys.spec(job_id))
    since = min(write.previous, last.revision)
    came_back = any(not one.previous and since < one.revision < write.revision for one in spec)
    before, after = assignment(last.value or "").job, assignment(given[0].value or "").job
    return (
        came_back
        or after.run_on.every
        or (before.schedule, before.timezone, before.run_on)
        != (after.schedule, after.timezone, after.run_on)
    )


def _last_given(index: Index, job_id: str, revision: int) -> Write | None:
    """The job's assignment right before the revision; of one that nobody had, its last."""
    held = index.assigned(job_id, revision)
    if held:
        return held[0]
    gone = [
        one
        for key in index.homes.get(job_id, ())
        for one in index.versions(key)
        if one.value is not None and one.revision < revision
    ]
    return max(gone, key=lambda one: one.revision, default=None)


def _job(index: Index, job_id: str, node: str, revision: int) -> Job | None:
    """As it was assigned right before the revision, or last before it; ``node`` for one on every
    node."""
    given = _last_given(index, job_id, revision)
    if node:
        given = index.before(index.keys.job(node, job_id), revision)
    return None if given is None else assignment(given.value or "").job


def _told_of(index: Index, job_id: str, at: str, tick: int) -> bool:
    """Whether there is a record of the tick: of what a pinned job ran while etcd was away there is
    one sooner or later."""
    for end in index.ends_by_job.get(job_id, ()):
        record = end.record
        if record.run_id.endswith(at) and (
            record.first <= tick <= record.last
            if isinstance(record, GapRecord)
            else record.tick == tick
        ):
            return True
    return False


def forgotten_at_the_end(index: Index, trouble: Trouble) -> Iterator[Violation]:
    """Ticks that were due when it was over, and that no cursor had come to."""
    end, ttl = index.history.end.at, index.setup.ttl
    for job_id in index.homes:
        pause = index.before(index.keys.pause(job_id), index.end)
        for held in index.assigned(job_id, index.end):
            job = assignment(held.value or "").job
            node = index.tail(held, index.keys.jobs)[0]
            cursor = index.before(
                index.keys.cursor(job_id, node if job.run_on.every else ""), index.end
            )
            stands_at = tick_of(cursor)
            if cursor is None or stands_at is None:
                what = f"{job_id} is assigned and has no cursor"
                yield Violation("every tick is accounted for", what, (held,))
                continue
            if pause is not None:
                yield from _forgotten_before_the_pause(index, trouble, held, cursor, pause)
                continue
            schedule, splay = timing(job, job_id)
            left = list(islice(schedule.between(stands_at, int(end - splay - ttl)), NAMED))
            if left:
                what = f"ticks of {job_id} were due and nobody accounted for them: {left}"
                yield Violation("every tick is accounted for", what, (held, cursor))


def _forgotten_before_the_pause(
    index: Index, trouble: Trouble, held: Write, cursor: Write, pause: Write
) -> Iterator[Violation]:
    """Where all jobs are paused before it is over, nobody comes to them later either."""
    home, job_id = index.tail(held, index.keys.jobs)
    until = min(index.history.end.at, Pause.from_json((pause.value or "").encode()).at)
    since = takes_since(index, trouble, held, tick_of(cursor) or 0, index.end, until)
    if since is None or until - since <= PATIENCE:
        return
    if trouble.quiet([index.names.get(home, home)], since, until) > PATIENCE:
        what = f"{job_id} was due for {until - since:.0f} s before it was paused for good"
        what = f"{what}, and nobody accounted for its ticks"
        yield Violation("every tick is accounted for", what, (held, cursor, pause))
