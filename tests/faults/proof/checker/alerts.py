"""Was every alert that was due made, and made once?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from crony_ops.model.alert import Alert, Cause
from crony_ops.model.cluster import Failover, Health
from crony_ops.model.node import Roster
from crony_ops.model.notify import Occasion
from crony_ops.model.run import RunRecord, RunState
from tests.faults.proof.checker.index import puts, spec
from tests.faults.proof.checker.violation import Violation, shown

if TYPE_CHECKING:
    from tests.faults.proof.checker.index import Index
    from tests.faults.proof.history import Write

ONCE = "every alert is made once"
NO_NEWS = (RunState.skipped, RunState.succeeded)
"""Ends that are not always news."""


def made_twice(index: Index) -> Iterator[Violation]:
    """An alert that is made again under the id of one that was there before."""
    made: dict[str, Write] = {}
    for write in index.under(index.keys.alerts):
        created = write.value is not None and not index.before(write.key, write.revision)
        if created and made.setdefault(write.key, write) is not write:
            what = f"{write.key.removeprefix(index.keys.alerts)} was made twice"
            yield Violation(ONCE, what, (made[write.key], write))


def never_made(index: Index) -> Iterator[Violation]:
    """What is told goes with the write that it tells of: a failover's end, a job that fails."""
    yield from _untold_failovers(index)
    yield from _open_failovers(index)
    yield from _untold_failures(index)
    yield from _unknown_failures(index)
    yield from _ends_without_news(index)
    for write in index.under(index.keys.all_news):
        job_id = index.tail(write, index.keys.all_news)[0]
        if write.value is None and index.beside(write, index.keys.health(job_id)) is None:
            what = f"news of {job_id} were taken away, and its health knows nothing of them"
            news = index.before(write.key, write.revision)
            yield Violation(ONCE, what, shown(news, write))


def _untold_failovers(index: Index) -> Iterator[Violation]:
    keys = index.keys
    for write in index.under(keys.failovers):
        if write.value is None or len(index.tail(write, keys.failovers)) != 2:
            continue
        before = index.before(write.key, write.revision)
        closed = Failover.from_json(write.value.encode())
        was_open = before is None or _failover(before).closed_at is None
        if closed.closed_at is None or not was_open:
            continue
        roster = index.before(keys.roster(closed.node), write.revision)
        flaps = (
            roster is not None
            and Roster.from_json((roster.value or "").encode()).told == "flapping"
        )
        if not flaps and not puts(index.requests[write.revision], keys.alerts):
            what = f"the failover of {closed.node_name} was closed, and nobody was told"
            yield Violation(ONCE, what, shown(before, write))


def _open_failovers(index: Index) -> Iterator[Violation]:
    """Of a node that was lost nobody hears before the failover is closed."""
    setup, end = index.setup, index.history.end
    for key in end.keys:
        tail = key.removeprefix(index.keys.failovers)
        if tail == key or tail.count("/") != 1:  # none, or the outcome of one for a job
            continue
        write = index.before(key, index.end)
        if write is None or write.revision <= setup.since:
            continue
        if (lost := _failover(write)).closed_at is not None:
            continue
        if end.at - write.at > setup.settled_within:
            what = f"the failover of {lost.node_name} was never closed"
            yield Violation(ONCE, what, (write,))


def _ends_without_news(index: Index) -> Iterator[Violation]:
    """Whoever puts an end on record that people may have to hear of makes it news with it."""
    keys = index.keys
    for end in index.ends:
        record, write = end.record, end.write
        if isinstance(record, RunRecord) and record.state in NO_NEWS:
            continue
        news = index.beside(write, keys.news(record.job_id, record.run_id))
        if news is None or news.value is None:
            what = f"{record.run_id} of {record.job_id} is on record, and the leader had no news"
            yield Violation(ONCE, what, (write,))


def _failover(write: Write) -> Failover:
    return Failover.from_json((write.value or "").encode())


def _untold_failures(index: Index) -> Iterator[Violation]:
    keys = index.keys
    for write in index.under(keys.healths):
        job_id = write.key.removeprefix(keys.healths)
        before = index.before(write.key, write.revision)
        if not _tells_of_failure(write) or (before is not None and _tells_of_failure(before)):
            continue
        wanted = index.before(keys.spec(job_id), write.revision)
        if wanted is None or Occasion.failure not in spec(wanted.value or "").job.notify.on:
            continue
        alerts = puts(index.requests[write.revision], keys.alerts)
        if not any(Alert.from_json((one.value or "").encode()).job == job_id for one in alerts):
            what = f"{job_id} is known to be told of as failing, and no alert was made"
            yield Violation(ONCE, what, shown(before, write))


def _unknown_failures(index: Index) -> Iterator[Violation]:
    """Jobs that failed as often in a row as their notification waits for, and nothing is noted of
    what was told: not even that it is to be told later."""
    keys = index.keys
    for write in index.under(keys.healths):
        job_id = write.key.removeprefix(keys.healths)
        if write.value is None:
            continue
        health = Health.from_json(write.value.encode())
        if not health.consecutive_failures or health.told.keys() & {Cause.failure, Cause.flapping}:
            continue
        versions = [w.value for w in index.versions(keys.spec(job_id)) if w.value is not None]
        waits_for = {spec(value).job.notify.after for value in versions}
        # After an edit of that number the next failure tells.
        if len(waits_for) == 1 and health.consecutive_failures >= waits_for.pop():
            what = f"{job_id} failed {health.consecutive_failures} times, and nobody was to know"
            before = index.before(write.key, write.revision)
            yield Violation(ONCE, what, shown(before, write))


def _tells_of_failure(write: Write) -> bool:
    if write.value is None:
        return False
    told = Health.from_json(write.value.encode()).told.get(Cause.failure)
    return told is not None and told.at > 0
