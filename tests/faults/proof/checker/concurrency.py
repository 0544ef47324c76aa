"""Do runs of a job that forbids it overlap? Only beside one that a lost node left behind."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crony_ops.model.run import RunRecord, RunState
from crony_ops.node.runs.concurrency import slots
from tests.faults.proof.checker.carried_out import carried_out
from tests.faults.proof.checker.index import assignment, spec
from tests.faults.proof.checker.violation import Violation, shown
from tests.faults.proof.history import Kind

if TYPE_CHECKING:
    from tests.faults.proof.checker.index import Claim, Index
    from tests.faults.proof.checker.trouble import Trouble
    from tests.faults.proof.history import Act


@dataclass(frozen=True, slots=True)
class _Span:
    """``claim`` is None for a run that its node began without etcd. ``node`` is a name."""

    claim: Claim | None
    node: str
    began: Act
    ended: float


def overlapping(index: Index, trouble: Trouble) -> Iterator[Violation]:
    lanes: dict[tuple[str, str], list[_Span]] = defaultdict(list)
    for done in carried_out(index):
        job_id, run_id, claim, acts = done.job_id, done.run_id, done.claim, done.acts
        if claim is None:
            if _never_two(index, job_id):
                span = _Span(None, acts[0].node, acts[0], acts[-1].at)
                lanes[job_id, run_id.partition("@")[2]].append(span)
        elif _one_at_a_time(index, claim):
            ended = acts[-1].at
            if acts[-1].event != "end":
                ended = max(ended, _recorded_end(index, trouble, claim, acts[0].at))
            node = index.names.get(claim.node, claim.node)
            lanes[job_id, run_id.partition("@")[2]].append(_Span(claim, node, acts[0], ended))
    for (job_id, _), spans in lanes.items():
        under_way: list[_Span] = []
        for later in sorted(spans, key=lambda span: span.began.at):
            since = later.began.at + index.setup.tolerance
            under_way = [span for span in under_way if span.ended > since]
            beside = [span for span in under_way if not _left_behind(index, span, later)]
            for earlier in beside:
                under_way.remove(earlier)  # told of once
                yield _overlap(job_id, earlier, later)
            under_way.append(later)


def _overlap(job_id: str, earlier: _Span, later: _Span) -> Violation:
    first, second, beside = earlier.began, later.began, earlier.ended - later.began.at
    what = f"{second.run} of {job_id} started {beside:.1f} s before {first.run} had ended"
    claimed = None if earlier.claim is None else earlier.claim.write
    return Violation("forbid never overlaps", what, shown(claimed, first, second))


def _never_two(index: Index, job_id: str) -> bool:
    """Whether no version of its spec allows for two: nobody knows which one its node went by."""
    versions = [w.value for w in index.versions(index.keys.spec(job_id)) if w.value is not None]
    return bool(versions) and all(slots(spec(value).job) == 1 for value in versions)


def _one_at_a_time(index: Index, claim: Claim) -> bool:
    held = index.before(index.keys.job(claim.node, claim.run.job_id), claim.write.revision)
    return held is not None and slots(assignment(held.value or "").job) == 1


def _recorded_end(index: Index, trouble: Trouble, claim: Claim, began: float) -> float:
    """0 where nobody saw it, or the node's clock was wrong meanwhile: it is known to have run up to
    its last line only."""
    node, run = index.names.get(claim.node, ""), claim.run
    # The recorder may have heard of the claim when the run was long under way.
    since = min(began, claim.write.at)
    return max(
        (
            end.record.ended_at
            for end in index.ends_of.get((run.job_id, run.run_id), ())
            if isinstance(end.record, RunRecord)
            and end.record.node == claim.node
            and end.record.state not in (RunState.lost, RunState.skipped)
            and trouble.of_kind(node, {Kind.clock}, since, end.write.at) is None
        ),
        default=0.0,
    )


def _left_behind(index: Index, one: _Span, other: _Span) -> bool:
    """Whether the node of that which was claimed first was lost before the other was claimed
    elsewhere. A node that comes back to a run of its own goes on with it, or ends it, before it
    claims the next."""
    if one.node == other.node:
        return False
    if one.claim is None or other.claim is None:
        return True  # its place was changed between the two, and when nobody wrote down
    # What was claimed first may have begun last: its node was frozen right before.
    first, second = sorted((one.claim, other.claim), key=lambda claim: claim.write.revision)
    key, revision = index.keys.node(first.node), first.write.revision
    while (write := index.next_write(key, revision)) is not None:
        if write.revision > second.write.revision:
            return False
        if write.value is None:
            return True
        revision = write.revision
    return False
