"""Was each run claimed by right? Every guard of a claim, judged by what stood when it was made.

A claim that should have been refused shows here even where another guard kept it from harm.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from crony_ops.model.run import GapRecord, QueuedRun, RunKind
from tests.faults.proof.checker.index import Claim, assignment, tick_of, timing
from tests.faults.proof.checker.violation import Violation, shown

if TYPE_CHECKING:
    from tests.faults.proof.checker.index import Index
    from tests.faults.proof.checker.trouble import Trouble
    from tests.faults.proof.history import Write


def unfounded_claims(index: Index, trouble: Trouble) -> Iterator[Violation]:
    first: dict[tuple[str, str], Claim] = {}
    epochs: dict[str, Claim] = {}
    for claim in index.claims:
        run = claim.run
        yield from _not_entitled(index, claim)
        yield from _not_from_its_place(index, claim)
        yield from _too_early(index, trouble, claim)
        before = first.setdefault((run.job_id, run.run_id), claim)
        if before is not claim and not index.was_reset(run.job_id, before.write.at, claim.write.at):
            what = f"{run.run_id} of {run.job_id} was claimed twice"
            yield Violation("one claim a run", what, (before.write, claim.write))
        if "@" not in run.run_id:
            newest = epochs.setdefault(run.job_id, claim)
            if run.epoch < newest.run.epoch:
                what = f"{run.job_id} was claimed under an epoch older than one before it"
                yield Violation("the epoch grows", what, (newest.write, claim.write))
            else:
                epochs[run.job_id] = claim


def _not_entitled(index: Index, claim: Claim) -> Iterator[Violation]:
    """The compares that every claim makes: on the lease, the assignment and the pause."""
    run, at = claim.run, claim.write.revision
    what = f"{run.run_id} of {run.job_id} was claimed by {index.names.get(claim.node, claim.node)}"
    node = index.keys.node(claim.node)
    standing = index.before(node, at)
    if standing is None or standing.lease != run.incarnation:
        reason = f"{what}, whose key was not on its lease"
        seen = shown(index.last_write(node, at), claim.write)
        yield Violation("claims hang on the lease", reason, seen)
    home = index.keys.job(claim.node, run.job_id)
    held = index.before(home, at)
    if held is None or held.revision != run.epoch:
        reason = f"{what} under an assignment that did not stand"
        seen = shown(index.last_write(home, at), claim.write)
        yield Violation("claims hang on the assignment", reason, seen)
    if run.kind is RunKind.once:
        return
    if paused := index.before(index.keys.pause(run.job_id), at):
        yield Violation(
            "nothing is claimed while paused", f"{what} while paused", (paused, claim.write)
        )
    if held is not None and held.value is not None and assignment(held.value).leaving:
        reason = f"{what}, which was to claim no more of it"
        yield Violation("nothing is claimed while leaving", reason, (held, claim.write))


def _not_from_its_place(index: Index, claim: Claim) -> Iterator[Violation]:
    """The compare on what is claimed: a cursor's next tick, a queued run, a wish."""
    run, keys = claim.run, index.keys
    if run.kind is not RunKind.tick:
        taken = (
            keys.queued(run.job_id, run.run_id)
            if run.kind is RunKind.queued
            else keys.once(run.job_id)
        )
        gone = index.beside(claim.write, taken)
        if gone is None or gone.value is not None:
            what = f"{run.run_id} of {run.job_id} was claimed, and nobody had asked for it any more"
            seen = shown(index.last_write(taken, claim.write.revision), claim.write)
            yield Violation("claims take what is there", what, seen)
        return
    name = f"tick {run.tick} of {run.job_id}"
    cursor = keys.cursor(run.job_id, claim.node if "@" in run.run_id else "")
    moved, before = index.beside(claim.write, cursor), index.before(cursor, claim.write.revision)
    if tick_of(moved) != run.tick:
        what = f"{name} was claimed, and its cursor did not come with it"
        yield Violation("claims move the cursor", what, shown(moved, claim.write))
        return
    stood_at = tick_of(before)
    if stood_at is None or before is None:
        return
    if run.tick <= stood_at:
        what = f"{name} was claimed from a cursor that stood at {stood_at}"
        yield Violation("claims hang on the cursor", what, (before, claim.write))
        return
    held = index.before(keys.job(claim.node, run.job_id), claim.write.revision)
    if held is not None and held.value is not None:
        schedule, _ = timing(assignment(held.value).job, run.job_id)
        if (due := schedule.next_after(stood_at)) != run.tick:
            what = f"{name} was claimed, and tick {due} was next"
            yield Violation("claims hang on the cursor", what, (before, claim.write))


def _too_early(index: Index, trouble: Trouble, claim: Claim) -> Iterator[Violation]:
    """By the clock of its node, whatever that said, and by ours, unless that clock was wrong."""
    run, setup, seen_at = claim.run, index.setup, claim.write.at
    if run.kind is not RunKind.tick:
        return
    held = index.before(index.keys.job(claim.node, run.job_id), claim.write.revision)
    splay = timing(assignment(held.value).job, run.job_id)[1] if held and held.value else 0
    may_be_claimed_at = run.tick + splay - setup.claim_ahead
    early = may_be_claimed_at - run.claimed_at
    if not trouble.wrong_clock(index.names.get(claim.node, ""), seen_at, seen_at):
        early = max(early, may_be_claimed_at - seen_at)
    if early > setup.tolerance:
        what = f"tick {run.tick} of {run.job_id} was claimed {early:.1f} s too early"
        yield Violation("a claim reaches one second ahead", what, (claim.write,))


def unfounded_accounts(index: Index) -> Iterator[Violation]:
    """Missed ticks are accounted for under the compares of a claim; their gap says by whom."""
    for end in index.ends:
        gap, write = end.record, end.write
        # A gap of the time without etcd is told from the spool, by whoever has its lease then.
        if not isinstance(gap, GapRecord) or not gap.reason.startswith("nobody could"):
            continue
        name = f"ticks of {gap.job_id} were recorded as missed by {gap.node_name}"
        for rule, key, why in (
            ("claims hang on the lease", index.keys.node(gap.node), "which was not registered"),
            (
                "claims hang on the assignment",
                index.keys.job(gap.node, gap.job_id),
                "which did not hold it",
            ),
        ):
            if index.before(key, write.revision) is None:
                seen = shown(index.last_write(key, write.revision), write)
                yield Violation(rule, f"{name}, {why}", seen)
        yield from _accounted_anew(index, write, gap.job_id, gap.run_id, gap.first)
    for write in index.under(index.keys.queue):
        if write.value is not None and index.before(write.key, write.revision) is None:
            queued = QueuedRun.from_json(write.value.encode())
            if not queued.rerun:
                job_id = index.tail(write, index.keys.queue)[0]
                yield from _accounted_anew(index, write, job_id, queued.run_id, queued.tick)


def _accounted_anew(
    index: Index, write: Write, job_id: str, run_id: str, first: int
) -> Iterator[Violation]:
    """What is made up or given up as missed comes behind the cursor that goes with it."""
    at = run_id.partition("@")[2]
    cursor = index.keys.cursor(job_id, index.setup.nodes[at].uuid if at else "")
    before = index.before(cursor, write.revision)
    stood_at = tick_of(before)
    if before is None or stood_at is None or index.beside(write, cursor) is None:
        return
    if first <= stood_at:
        what = f"tick {first} of {job_id} was due anew, from a cursor that stood at {stood_at}"
        yield Violation("claims hang on the cursor", what, (before, write))
