"""What really ran, as the jobs wrote it down, against what was claimed and what is on record."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from crony_ops.model.run import GapRecord, RunKind, RunRecord, RunState
from crony_ops.node.runs.past import RAN_BEFORE
from tests.faults.proof.checker import fence
from tests.faults.proof.checker.asleep import longest_awake
from tests.faults.proof.checker.carried_out import carried_out
from tests.faults.proof.checker.index import spec
from tests.faults.proof.checker.violation import Violation, shown

if TYPE_CHECKING:
    from tests.faults.proof.checker.index import End, Index
    from tests.faults.proof.checker.trouble import Trouble
    from tests.faults.proof.history import Act

GONE = (RunState.lost, RunState.fenced)


def run_twice(index: Index) -> Iterator[Violation]:
    by_tick: dict[tuple[str, int, str], dict[str, list[Act]]] = defaultdict(dict)
    for done in carried_out(index):
        yield from _same_attempt(done.job_id, done.run_id, done.acts)
        yield from _one_too_many(index, done.job_id, done.run_id, done.acts)
        name, _, at = done.run_id.partition("@")
        if "-o" not in name:
            by_tick[done.job_id, done.acts[0].tick, at].setdefault(done.run_id, done.acts)
    for (job_id, tick, _), runs in by_tick.items():
        if len(runs) > 1:
            in_turn = sorted(runs.items(), key=lambda item: item[1][0].at)
            for earlier, later in pairwise(in_turn):
                yield from _again(index, job_id, tick, earlier, later)


def _same_attempt(job_id: str, run_id: str, acts: Sequence[Act]) -> Iterator[Violation]:
    begun: dict[int, Act] = {}
    for act in acts:
        if act.event == "start" and begun.setdefault(act.attempt, act) is not act:
            what = f"attempt {act.attempt} of {run_id} of {job_id} was made twice"
            yield Violation("no tick runs twice", what, (begun[act.attempt], act))


def _one_too_many(
    index: Index, job_id: str, run_id: str, acts: Sequence[Act]
) -> Iterator[Violation]:
    """An attempt beyond the first and the retries, by the version of its spec that allowed most."""
    versions = [w.value for w in index.versions(index.keys.spec(job_id)) if w.value is not None]
    allowed = 1 + max((spec(value).job.retries.count for value in versions), default=0)
    more = next((act for act in acts if act.event == "start" and act.attempt > allowed), None)
    if versions and more is not None:
        what = f"{run_id} of {job_id} made attempt {more.attempt} of {allowed}"
        yield Violation("no tick runs twice", what, (acts[0], more))


def _again(
    index: Index,
    job_id: str,
    tick: int,
    earlier: tuple[str, list[Act]],
    later: tuple[str, list[Act]],
) -> Iterator[Violation]:
    (first, before), (second, after) = earlier, later
    began = after[0].at
    name = f"tick {tick} of {job_id}"
    gone = [
        end
        for end in index.ends_of.get((job_id, first), ())
        if isinstance(end.record, RunRecord) and end.record.state in GONE
    ]
    claim = index.claim_of.get((job_id, second))
    if not gone:
        what = f"{name} ran as {first}, which was not lost, and again as {second}"
        yield Violation("no tick runs twice", what, (before[0], after[0]))
    elif claim is not None and claim.write.revision < gone[0].write.revision:
        what = f"{name} was claimed again as {second} before {first} was lost"
        yield Violation("no tick runs twice", what, (before[0], claim.write, gone[0].write))
    elif not _asks_for_reruns(index, job_id, first, gone[0].write.revision):
        what = f"{name} ran again as {second}, and its job asks for no re-run"
        yield Violation("no tick runs twice", what, (before[0], gone[0].write, after[0]))
    beside = [act for act in before if act.at > began + index.setup.tolerance]
    ran_by = index.claim_of.get((job_id, first))
    node = before[0].node if ran_by is None else index.names.get(ran_by.node, "")
    longest = fence.ends_within(index)
    # Awake for so long, by then or since, it would have ended it.
    still = next(
        (a for a in beside if longest_awake(index, node, began - longest, a.at) > longest), None
    )
    if still is not None:
        what = f"{name} ran as {second} beside {first}, which had not ended"
        yield Violation("no tick runs twice", what, (before[0], after[0], still))


def _asks_for_reruns(index: Index, job_id: str, first: str, revision: int) -> bool:
    """By what its claim says of it; of one that etcd never knew of, by any version of its spec."""
    if claims := index.claims_of.get((job_id, first)):
        return any(claim.run.on_node_loss_rerun for claim in claims)
    written = [
        w for w in index.versions(index.keys.spec(job_id)) if w.value and w.revision < revision
    ]
    return any(spec(write.value or "").job.rerun for write in written)


def off_the_record(index: Index, trouble: Trouble) -> Iterator[Violation]:
    """Runs and records that know nothing of each other."""
    witnesses = {act.job for act in index.history.ledger}
    for done in carried_out(index):
        job_id, run_id, claim, acts = done.job_id, done.run_id, done.claim, done.acts
        name, ends = f"{run_id} of {job_id}", index.ends_of.get((job_id, run_id), [])
        if claim is None and not _by_the_journal(index, acts[0]):
            yield Violation(
                "nothing runs unclaimed", f"{name} ran, and was never claimed", (acts[0],)
            )
            continue
        if claim is not None:
            holder = index.names.get(claim.node, claim.node)
            elsewhere = next((act for act in acts if act.node not in ("", holder)), None)
            if elsewhere is not None:
                what = f"{name} was claimed by {holder} and ran on {elsewhere.node}"
                yield Violation("nothing runs unclaimed", what, (claim.write, elsewhere))
            early = claim.run.tick - acts[0].at
            if (
                claim.run.kind is RunKind.tick
                and early > index.setup.tolerance
                and not trouble.wrong_clock(holder, claim.write.at, acts[0].at)
            ):
                what = f"{name} started {early:.1f} s before its time"
                yield Violation("a run starts at its second", what, (claim.write, acts[0]))
        if not ends and not (claim and index.before(claim.write.key, index.end)):
            yield Violation("every end is on record", f"{name} ran, and has no record", (acts[0],))
    for (job_id, run_id), ends in index.ends_of.items():
        if job_id in witnesses:
            # That it was not run once more says nothing of how it ran.
            told = [end for end in ends if end.record.reason != RAN_BEFORE]
            last = told[-1] if told else ends[-1]
            yield from _contradicted(job_id, run_id, last, index.acts_of.get((job_id, run_id), []))


def _by_the_journal(index: Index, act: Act) -> bool:
    """Whether its node may have begun it without etcd: a job that can't run elsewhere."""
    written = [w for w in index.versions(index.keys.spec(act.job)) if w.value and w.at <= act.at]
    return any(spec(write.value or "").job.run_on.bound for write in written)


def _contradicted(job_id: str, run_id: str, end: End, acts: Sequence[Act]) -> Iterator[Violation]:
    record = end.record
    if isinstance(record, GapRecord) or record.state in GONE:
        return
    name = f"{run_id} of {job_id}"
    if record.succeeded and {act.event for act in acts} != {"start", "end"}:
        what = f"{name} succeeded by its record, and did not run to its end"
        yield Violation("records tell the truth", what, (*acts, end.write))
    if record.started_at is None and acts:
        what = f"{name} never started by its record, and yet it ran"
        yield Violation("records tell the truth", what, (acts[0], end.write))


def vanished(index: Index) -> Iterator[Violation]:
    """Open runs that were taken away without a record: an end that nobody will ever know."""
    for write in index.under(index.keys.opens):
        before = index.before(write.key, write.revision)
        if write.value is not None:
            if before is not None and before.value != write.value:
                what = f"an open run was written over: {write.key}"
                yield Violation("every end is on record", what, (before, write))
            continue
        _, job_id, run_id = index.tail(write, index.keys.opens)
        told = index.beside(write, index.keys.run(job_id, run_id))
        if told is None or told.value is None:
            what = f"{run_id} of {job_id} is open no more, and has no record of its end"
            yield Violation("every end is on record", what, shown(before, write))
