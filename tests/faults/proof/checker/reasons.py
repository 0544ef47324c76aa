"""Does the history bear out why a tick was not run, or a run had no good end?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from crony_ops.model.job import MisfirePolicy
from crony_ops.model.node import Node
from crony_ops.model.run import GapRecord, RunRecord, RunState
from crony_ops.node.runs.fence import LEASE_RAN_OUT
from crony_ops.node.runs.lateness import LATE
from crony_ops.node.runs.past import RAN_BEFORE
from tests.faults.proof.checker.index import Claim, End, assignment, timing
from tests.faults.proof.checker.trouble import AFTER_A_STALL
from tests.faults.proof.checker.violation import Violation, shown
from tests.faults.proof.history import Kind

if TYPE_CHECKING:
    from crony_ops.model.job import Job
    from tests.faults.proof.checker.index import Index
    from tests.faults.proof.checker.trouble import Trouble
    from tests.faults.proof.history import Write

RULE = "reasons are borne out"
BY_THE_LEADER = "its node"
"""How the reason of a lost run begins that the leader tells of: it may go on for all that."""
BY_A_NEW_LIFE = "its agent was restarted"
"""What the reason of one says whose end no life of its agent saw."""
SLOW = 1.0
"""Seconds from the sending of a claim to its sight that make a tick late, and in which a busy agent
hears of the end of a process."""
_RUN_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-[sor][0-9]*(?:@[^\s,;]+)?")
_REPLACED_BY = re.compile(f"replaced by ({_RUN_ID.pattern})")


def unfounded_reasons(index: Index, trouble: Trouble) -> Iterator[Violation]:
    for end in index.ends:
        record = end.record
        if isinstance(record, GapRecord):
            yield from _missed(index, trouble, end, record)
        elif record.state is RunState.skipped:
            yield from _skipped(index, trouble, end, record)
        elif record.state in (RunState.lost, RunState.fenced):
            yield from _lost(index, trouble, end, record)
        elif record.state is RunState.killed:
            yield from _killed(index, end, record)


def _missed(index: Index, trouble: Trouble, end: End, gap: GapRecord) -> Iterator[Violation]:
    """Somebody who had a hand in it was in trouble, or the job was on its way to another node."""
    touched = (gap.node_name, *_holders(index, gap.job_id), *index.setup.watchers)
    first = _by_our_clock(index, gap.first, end.write)
    if trouble.felt(touched, first, end.write.at):
        return
    moved = any(
        first - index.setup.ttl <= write.at <= end.write.at
        for key in index.homes.get(gap.job_id, ())
        for write in index.versions(key)
    )
    if not moved and not _was_slow(index, gap, end.write):
        what = (
            f"{gap.count} ticks of {gap.job_id} were missed ({gap.reason}), and nothing was amiss"
        )
        yield Violation(RULE, what, (end.write,))


def _by_our_clock(index: Index, tick: int, told: Write) -> float:
    """A tick that was told of before it was due came by a clock that was wrong, some time ago."""
    return tick if tick <= told.at else index.setup.began


def _was_slow(index: Index, gap: GapRecord, told: Write) -> bool:
    """Whether etcd, or the machine, kept the node waiting: a claim has the time it was sent at."""
    return told.at - gap.at > SLOW or any(
        claim.node == gap.node and claim.write.at - claim.run.claimed_at > SLOW
        for claim in index.claims_between(gap.first - index.setup.ttl, told.at)
    )


def _holders(index: Index, job_id: str) -> set[str]:
    """The names of the nodes that ever had the job."""
    start = len(index.keys.jobs)
    uuids = (key[start:].partition("/")[0] for key in index.homes.get(job_id, ()))
    return {index.names.get(uuid, uuid) for uuid in uuids}


def _skipped(index: Index, trouble: Trouble, end: End, record: RunRecord) -> Iterator[Violation]:
    name = f"{record.run_id} of {record.job_id} was skipped"
    if "still running" in record.reason:
        for run_id in _RUN_ID.findall(record.reason):
            skipped_at = min(_set_right(index, record, record.ended_at, end.write), end.write.at)
            if not _was_open(index, trouble, record, skipped_at, run_id):
                claim = index.claim_of.get((record.job_id, run_id))
                ended = index.ends_of.get((record.job_id, run_id), [])
                seen = shown(
                    claim.write if claim else None, *(e.write for e in ended[:1]), end.write
                )
                yield Violation(RULE, f"{name} for {run_id}, which was not running", seen)
        return
    if "the job was paused" in record.reason:
        known, what = _stood(index, index.keys.pause(record.job_id), end), "not paused"
    elif "the job was removed" in record.reason:
        known, what = _was_taken_away(index, end, record), "not taken away"
    elif record.reason.startswith("replaced by"):
        known, what = _was_replaced(index, record), "not replaced"
    elif "beyond its grace" in record.reason:
        known, what = _is_late(index, record), "not that late"
    elif record.reason == RAN_BEFORE:
        known, what = _ran_before(index, end, record), "not due again"
    else:
        known, what = False, "never to be skipped for that"
    if not known:
        yield Violation(RULE, f"{name} ({record.reason}), and it was {what}", (end.write,))


def _set_right(index: Index, record: RunRecord, told: float, write: Write) -> float:
    """What the record says of a time: a clock that was ahead tells one that is to come, and maybe
    long after it was so."""
    if told > write.at + index.setup.tolerance:
        for fault in index.history.faults:
            if fault.kind is Kind.clock and fault.target == record.node_name:
                at = told - float(fault.detail.get("offset", 0))
                if fault.began <= at <= (fault.ended or write.at):
                    return at
    return told


def _was_open(
    index: Index, trouble: Trouble, record: RunRecord, skipped_at: float, run_id: str
) -> bool:
    """Claimed before the other was skipped, by the same node, and not ended by then: by its record,
    or by itself. A node that stalls may be slow to see that it has."""
    key, tolerance = (record.job_id, run_id), index.setup.tolerance
    claim, acts = index.claim_of.get(key), index.acts_of.get(key, [])
    claims = index.claims_of.get(key, ())
    if claims and all(one.node != record.node for one in claims):
        return False
    begun = [act.at for act in acts[:1]] + ([claim.run.claimed_at] if claim else [])
    told = [
        (e.record, e.write) for e in index.ends_of.get(key, ()) if isinstance(e.record, RunRecord)
    ]
    # A process that has to wait for the machine writes its first line late.
    begun += [
        _set_right(index, one, one.started_at, write)
        for one, write in told
        if one.started_at is not None
    ]
    ends = [
        # It can't have ended before it began: a clock went wrong meanwhile. What its own agent
        # calls lost has ended some time before, and at any rate by then.
        write.at
        if one.state is RunState.lost or one.ended_at < min(begun, default=0.0) - tolerance
        else one.ended_at
        for one, write in told
        if not (one.state is RunState.lost and one.reason.startswith(BY_THE_LEADER))
    ]
    if not begun or min(begun) > skipped_at + tolerance:
        return False
    over = max([*ends, *(act.at for act in acts)], default=None)
    if not ends or over is None or over >= skipped_at - SLOW:
        return True
    stalled = trouble.last_over(record.node_name, {Kind.stall}, skipped_at)
    return over >= skipped_at - SLOW - AFTER_A_STALL and stalled >= over


def _stood(index: Index, key: str, end: End) -> bool:
    """Whether something stood under the key between the run's claim and the record of its end."""
    claim = index.claim_of.get((end.record.job_id, end.record.run_id))
    since = 0 if claim is None else claim.write.revision
    return index.before(key, end.write.revision) is not None or any(
        write.value is not None and since <= write.revision <= end.write.revision
        for write in index.versions(key)
    )


def _was_taken_away(index: Index, end: End, record: RunRecord) -> bool:
    """Whether its node was to run the job no more: its claim compares that it was to, then."""
    claim = index.claim_of.get((record.job_id, record.run_id))
    since = 0 if claim is None else claim.write.revision
    return any(
        write.value is None and since < write.revision <= end.write.revision
        for write in index.versions(index.keys.job(record.node, record.job_id))
    )


def _ran_before(index: Index, end: End, record: RunRecord) -> bool:
    """Whether its cursor was reset, and it had been begun before: by a claim, or without etcd."""
    key = (record.job_id, record.run_id)
    claims = index.claims_of.get(key, [])
    begun = len(claims) > 1 or key in index.acts_of or any(one.run.bound for one in claims)
    told = index.before(index.keys.run(*key), end.write.revision)
    return (begun or told is not None) and index.was_reset(
        record.job_id, index.setup.began, end.write.at
    )


def _is_late(index: Index, record: RunRecord) -> bool:
    """Later than its job allows for; a second is none."""
    job = _job_of(index, record)
    if job is None:
        return record.ended_at - record.tick >= LATE
    grace = 0 if job.misfire.policy is MisfirePolicy.skip else job.misfire.grace
    _, splay = timing(job, record.job_id)
    return record.ended_at - record.tick - splay >= max(grace, LATE)


def _job_of(index: Index, record: RunRecord) -> Job | None:
    claim = index.claim_of.get((record.job_id, record.run_id))
    if claim is None:
        return None
    held = index.before(index.keys.job(claim.node, record.job_id), claim.write.revision)
    return None if held is None else assignment(held.value or "").job


def _lost(index: Index, trouble: Trouble, end: End, record: RunRecord) -> Iterator[Violation]:
    """Its node's key went, or its agent or etcd was in trouble, before the end was on record."""
    claim = index.claim_of.get((record.job_id, record.run_id))
    due = _by_our_clock(index, record.tick, end.write)
    since = due if claim is None else claim.write.at
    name = index.names.get(record.node, record.node_name)
    left = claim is not None and _left_its_lease(index, claim, end.write)
    if LEASE_RAN_OUT in record.reason:
        left = left or _was_silent(index, record)
    told_by_leader = record.reason.startswith(BY_THE_LEADER)
    if BY_A_NEW_LIFE in record.reason:
        lives = {Kind.kill, Kind.restart}
        amiss = trouble.of_kind(name, lives, since - index.setup.ttl, end.write.at) is not None
    else:
        amiss = trouble.felt([name], since - index.setup.ttl, end.write.at)
    if not left and (told_by_leader or not amiss):
        what = (
            f"{record.run_id} of {record.job_id} is {record.state} ({record.reason}), without cause"
        )
        yield Violation(RULE, what, shown(claim.write if claim else None, end.write))


def _left_its_lease(index: Index, claim: Claim, ended: Write) -> bool:
    """Whether the node's key left the lease of the claim before the record was written."""
    return any(
        claim.write.revision <= write.revision <= ended.revision
        and (write.value is None or write.lease != claim.run.incarnation)
        for write in index.versions(index.keys.node(claim.node))
    )


def _was_silent(index: Index, record: RunRecord) -> bool:
    """Whether the node had not renewed its key for so long that it had to give its lease up. It
    puts its key after each renewal, every third of the TTL."""
    renewals = [
        Node.from_json(write.value.encode()).renewed_at
        for write in index.versions(index.keys.node(record.node))
        if write.value is not None
    ]
    silent_since = record.ended_at - index.setup.ttl * 2 / 3
    return not any(silent_since < at < record.ended_at for at in renewals)


def _killed(index: Index, end: End, record: RunRecord) -> Iterator[Violation]:
    key = index.keys.kill(record.node, record.job_id, record.run_id)
    ordered = any(
        write.value is not None and write.revision <= end.write.revision
        for write in index.versions(key)
    )
    if not ordered and not _was_replaced(index, record):
        what = f"{record.run_id} of {record.job_id} was killed ({record.reason}), and by nobody"
        yield Violation(RULE, what, (end.write,))


def _was_replaced(index: Index, record: RunRecord) -> bool:
    """Whether there was a run that its reason says it was replaced by."""
    by = _REPLACED_BY.search(record.reason)
    return by is not None and (record.job_id, by[1]) in index.claim_of
