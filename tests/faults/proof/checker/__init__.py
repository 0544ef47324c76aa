"""Judges a history. Pure: what is promised, rule by rule, and where it was not kept."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING

from tests.faults.proof.checker import (
    alerts,
    claims,
    concurrency,
    cursors,
    fence,
    leader,
    lying,
    moves,
    orders,
    places,
    queued,
    reasons,
    recorded,
    runs,
    settled,
)
from tests.faults.proof.checker.index import Index
from tests.faults.proof.checker.trouble import Trouble

if TYPE_CHECKING:
    from tests.faults.proof.checker.violation import Violation
    from tests.faults.proof.history import History


def check(history: History) -> list[Violation]:
    """All that the history shows to be wrong, by rule."""
    index = Index(history)
    return sorted(_violations(index, Trouble(history)), key=lambda found: found.rule)


def _violations(index: Index, trouble: Trouble) -> Iterator[Violation]:
    return chain(
        recorded.gaps_in_the_recording(index),
        claims.unfounded_claims(index, trouble),
        claims.unfounded_accounts(index),
        cursors.leapt_over(index),
        cursors.forgotten_at_the_end(index, trouble),
        runs.run_twice(index),
        runs.off_the_record(index, trouble),
        runs.vanished(index),
        queued.not_repeated(index),
        queued.dropped(index),
        reasons.unfounded_reasons(index, trouble),
        concurrency.overlapping(index, trouble),
        fence.unfenced(index, trouble),
        places.out_of_place(index),
        places.given_to_a_cordoned_node(index, trouble),
        orders.started_against_orders(index, trouble),
        orders.fired_for_the_past(index),
        orders.resumed_into_the_past(index, trouble),
        orders.disobeyed_kills(index, trouble),
        leader.written_by_the_deposed(index, trouble),
        leader.two_leaders(index),
        moves.torn_moves(index),
        moves.lost_while_alive(index),
        alerts.made_twice(index),
        alerts.never_made(index),
        lying.due_and_left(index, trouble),
        lying.wanted_and_left(index, trouble),
        settled.unsettled(index, trouble),
        settled.left_in_doubt(index),
        settled.left_over(index),
    )
