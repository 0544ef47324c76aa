"""What became of each claim: a run that is claimed anew, after its cursor was reset, runs once for
each of its claims."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.faults.proof.checker.index import Claim, Index
    from tests.faults.proof.history import Act


@dataclass(frozen=True, slots=True)
class CarriedOut:
    """``claim`` is None where etcd knew of none. There is at least one of the ``acts``."""

    job_id: str
    run_id: str
    claim: Claim | None
    acts: list[Act]


def carried_out(index: Index) -> Iterator[CarriedOut]:
    for (job_id, run_id), acts in index.acts_of.items():
        claims = index.claims_of.get((job_id, run_id), [])
        if len(claims) < 2 or not index.was_reset(job_id, claims[0].write.at, claims[-1].write.at):
            yield CarriedOut(job_id, run_id, claims[0] if claims else None, acts)
            continue
        shares: list[list[Act]] = [[] for _ in claims]
        for act in acts:
            shares[_claimed_by(index, claims, act)].append(act)
        for claim, share in zip(claims, shares, strict=True):
            if share:
                yield CarriedOut(job_id, run_id, claim, share)


def _claimed_by(index: Index, claims: list[Claim], act: Act) -> int:
    """Which of the claims it came from: of its node, the newest that followed on the end of the one
    before. No claim's own time is asked for: a clock that was wrong is what brought them about."""
    closed = [index.next_write(one.write.key, one.write.revision) for one in claims]
    found = 0
    for number, claim in enumerate(claims):
        before = closed[number - 1] if number else None
        followed = number == 0 or (before is not None and before.at <= act.at)
        if followed and index.names.get(claim.node) == act.node:
            found = number
    return found
