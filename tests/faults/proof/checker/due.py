"""Since when could a node have taken what is due? From then on nothing but trouble excuses it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from crony_ops.model.run import RunKind
from crony_ops.node.wall_clock import LONGEST_SLEEP
from tests.faults.proof.checker.index import assignment, timing
from tests.faults.proof.history import Kind

if TYPE_CHECKING:
    from tests.faults.proof.checker.index import Index
    from tests.faults.proof.checker.trouble import Trouble
    from tests.faults.proof.history import Write

PATIENCE = 15.0
"""Seconds without trouble in which what is due is done, on a machine that is busy."""


IN_TIME = 1.0
EACH_SECOND = 1.5
"""Seconds between two claims, where one is made in each second."""


def stretches(index: Index) -> dict[str, list[tuple[float, float]]]:
    """When each node claimed ticks in time, one lease long and in each second, by its uuid."""
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    leases: dict[str, int] = {}
    for claim in index.claims:
        run, at = claim.run, claim.write.at
        held = index.before(index.keys.job(claim.node, run.job_id), claim.write.revision)
        if run.kind is not RunKind.tick or held is None:
            continue
        _, splay = timing(assignment(held.value or "").job, run.job_id)
        if not -index.setup.claim_ahead - IN_TIME <= at - run.tick - splay <= IN_TIME:
            continue
        mine = found[claim.node]
        if mine and leases[claim.node] == run.incarnation and at - mine[-1][1] <= EACH_SECOND:
            mine[-1] = (mine[-1][0], at)
        else:
            mine.append((at, at))
            leases[claim.node] = run.incarnation
    return found


def takes_since(
    index: Index, trouble: Trouble, held: Write, stood_at: int, revision: int, until: float
) -> float | None:
    """Since when the node of an assignment could have taken the first tick behind ``stood_at``.

    ``revision`` and ``until``: when that is asked. None: never, as it was not there then, or was to
    take no more of it.
    """
    home, job_id = index.tail(held, index.keys.jobs)
    there = index.before(index.keys.node(home), revision)
    given = assignment(held.value or "")
    if there is None or given.leaving:
        return None
    schedule, splay = timing(given.job, job_id)
    # Who sleeps by a clock that is put right sees so only when it wakes.
    right_since = trouble.last_over(index.names.get(home, home), {Kind.clock}, until)
    return max(
        schedule.next_after(stood_at) + splay,
        held.at,
        _came(index, there),
        right_since + LONGEST_SLEEP if right_since else 0.0,
    )


def _came(index: Index, node: Write) -> float:
    """When the node's key came to be on the lease that it is on."""
    while node.previous:
        before = index.before(node.key, node.revision)
        if before is None or before.lease != node.lease:
            break
        node = before
    return node.at
