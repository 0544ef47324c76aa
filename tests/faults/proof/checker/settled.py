"""When the last fault is over, is everything as it should be, and nothing left over?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from crony_ops.model.run import OpenRun, QueuedRun, RunKind
from tests.faults.proof.checker.index import assignment, spec
from tests.faults.proof.checker.violation import Violation, shown
from tests.faults.proof.history import Kind

if TYPE_CHECKING:
    from tests.faults.proof.checker.index import Index
    from tests.faults.proof.checker.trouble import Trouble
    from tests.faults.proof.history import Usage, Write

RULE = "in the end all is as it should be"
LEFT = "nothing is left over"
DOUBT = "a claim in doubt is looked up"
LOOKED_UP = 8.0
"""Seconds in which a claim in doubt is looked up, and what it claimed starts."""
PATIENCE = 30.0
"""Seconds of rest after which a run is over, or taken from its queue: the slowest last 25 s."""
MORE_DESCRIPTORS = 16
MORE_MEMORY = 64 * 1024 * 1024
"""Bytes beyond half as much again: an interpreter gives little back of what it once had."""


def unsettled(index: Index, trouble: Trouble) -> Iterator[Violation]:
    keys, end = index.keys, index.history.end
    for name, node in index.setup.nodes.items():
        if keys.node(node.uuid) not in end.keys:
            last = index.last_write(keys.node(node.uuid), index.end)
            yield Violation(RULE, f"{name} is not registered", shown(last))
    if keys.leader not in end.keys:
        yield Violation(RULE, "nobody leads", shown(index.last_write(keys.leader, index.end)))
    for key in end.keys:
        if key.startswith(keys.specs):
            yield from _not_as_wanted(index, key)
    for key in end.keys:
        write = index.before(key, index.end)
        if write is None or not key.startswith((keys.opens, keys.queue)):
            continue
        since = max(write.at, _well_since(index), _waits_for(index, trouble, write))
        if key.startswith(keys.opens):
            is_left = end.at - since > PATIENCE
        else:
            is_left = _was_not_taken(index, key, since)
        if is_left:
            yield Violation(RULE, f"a run was left: {key}", (write,))


def _waits_for(index: Index, trouble: Trouble, write: Write) -> float:
    """What was claimed or queued by a clock that was ahead waits for what it was by that clock."""
    value = (write.value or "").encode()
    if write.key.startswith(index.keys.opens):
        run = OpenRun.from_json(value)
        clocks, until = [index.names.get(run.node, "")], max(run.claimed_at, run.tick)
    else:
        clocks, until = [*index.setup.watchers], QueuedRun.from_json(value).not_before
    wrong = (trouble.wrong_clock(name, write.at, write.at) for name in clocks)
    return until if any(wrong) else 0.0


def _well_since(index: Index) -> float:
    """When all that the nemesis did was over. A compaction that was refused never ended, and is
    nothing that goes on."""
    ends = (
        index.history.end.at if fault.ended is None else fault.ended
        for fault in index.history.faults
        if fault.is_inflicted and fault.kind is not Kind.compact
    )
    return max(ends, default=index.setup.began)


def _was_not_taken(index: Index, queued: str, since: float) -> bool:
    """Whether a queued run waited for longer than those before it can have taken."""
    job_id = queued.removeprefix(index.keys.queue).partition("/")[0]
    until = _rests_since(index, job_id)
    in_turn = [
        claim
        for claim in index.claims_between(since, until)
        if claim.run.job_id == job_id and claim.run.kind is RunKind.queued
    ]
    return until - since > PATIENCE * (1 + len(in_turn))


def left_in_doubt(index: Index) -> Iterator[Violation]:
    """Runs that were claimed while answers were lost, and started only long after all was well: who
    looks up at once what became of a claim starts it at once."""
    inflicted = (fault for fault in index.history.faults if fault.is_inflicted)
    well_since = max((fault.ended or fault.began for fault in inflicted), default=0.0)
    for claim in index.claims:
        acts = index.acts_of.get((claim.run.job_id, claim.run.run_id))
        if claim.write.at <= well_since and acts and acts[0].at > well_since + LOOKED_UP:
            late = acts[0].at - well_since
            what = (
                f"{claim.run.run_id} of {claim.run.job_id} started {late:.0f} s after all was well"
            )
            yield Violation(DOUBT, what, (claim.write, acts[0]))


def _rests_since(index: Index, job_id: str) -> float:
    """When the job was paused: until it is resumed nobody takes what is queued of it."""
    pause = index.before(index.keys.pause(job_id), index.end)
    return index.history.end.at if pause is None else pause.at


def _not_as_wanted(index: Index, key: str) -> Iterator[Violation]:
    keys, job_id, at = index.keys, key.removeprefix(index.keys.specs), index.end
    wanted, held = index.before(key, at), index.assigned(job_id, at)
    if wanted is None:
        return
    job = spec(wanted.value or "").job
    places = [
        node.uuid
        for name, node in index.setup.nodes.items()
        if job.run_on.node in (None, name, node.uuid)
        and (job.run_on.group is None or job.run_on.group in node.groups)
        and set(job.presets) <= set(node.presets)
        and keys.cordon(node.uuid) not in index.history.end.keys
    ]
    homes = {index.tail(one, keys.jobs)[0] for one in held}
    missing = set(places) - homes if job.run_on.every else set() if homes else set(places)
    if missing:
        names = ", ".join(sorted(index.names[uuid] for uuid in missing))
        yield Violation(RULE, f"{job_id} is not assigned, and {names} might have it", (wanted,))
    if len(homes) > 1 and not job.run_on.every:
        yield Violation(RULE, f"{job_id} is assigned to {len(homes)} nodes", tuple(held))
    for one in held:
        if assignment(one.value or "").spec_revision != wanted.revision:
            yield Violation(RULE, f"{job_id} is assigned as it was before its edit", (wanted, one))


def left_over(index: Index) -> Iterator[Violation]:
    """Keys that nobody needs any more, leases that no key hangs on, processes, memory."""
    keys, end = index.keys, index.history.end
    may_stay = (
        *(keys.nodes, keys.specs, keys.jobs, keys.cursors, keys.opens, keys.queue, keys.runs),
        *(keys.healths, keys.failovers, keys.alerts, keys.rosters, keys.watchers),
        *(keys.leader, keys.meta, keys.sync, *index.setup.may_stay),
    )
    living = {end.keys[keys.node(n)] for n in index.names if keys.node(n) in end.keys}
    for key, lease in end.keys.items():
        # What tells of a process hangs on its agent's lease for as long as it runs.
        if not key.startswith(may_stay) and lease not in living:
            last = index.last_write(key, index.end)
            yield Violation(LEFT, f"{key} was left", shown(last))
    # What hung on a lease for a minute, as an order does, may have been taken before it ran out.
    used = {write.lease for write in index.history.writes}
    for lease in sorted({*end.leases} - used):
        yield Violation(LEFT, f"lease {lease:x} was left, and no key ever hung on it")
    for process in end.survivors:
        yield Violation(LEFT, f"a process of a run still lives: {process}")
    for name, usage in end.usage.items():
        yield from _grown(name, usage)


def _grown(name: str, usage: Usage) -> Iterator[Violation]:
    if usage.descriptors_after > usage.descriptors_before + MORE_DESCRIPTORS:
        what = f"from {usage.descriptors_before} to {usage.descriptors_after} descriptors"
        yield Violation(LEFT, f"{name} went {what}")
    if usage.memory_after > usage.memory_before * 1.5 + MORE_MEMORY:
        mib = (usage.memory_before >> 20, usage.memory_after >> 20)
        yield Violation(LEFT, f"{name} went from {mib[0]} to {mib[1]} MiB")
