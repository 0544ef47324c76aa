"""Every kind of broken promise is planted, one in each history, and must be found: by its rule, and
by the evidence that shows it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.faults.proof.checker import check
from tests.faults.proof.guards.catalog import GUARDS
from tests.unit.proof import (
    planted_again,
    planted_alerts,
    planted_claims,
    planted_leftovers,
    planted_moves,
    planted_orders,
    planted_overlaps,
    planted_queued,
    planted_reasons,
    planted_runs,
)
from tests.unit.proof.planted import PLANTS, Planted

MODULES = (
    planted_again,
    planted_alerts,
    planted_claims,
    planted_leftovers,
    planted_moves,
    planted_orders,
    planted_overlaps,
    planted_queued,
    planted_reasons,
    planted_runs,
)
"""To import them is to plant."""


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.__name__)
def test_a_planted_error_is_found(plant: Callable[[], Planted]) -> None:
    planted = plant()
    found = check(planted.history)
    assert {violation.rule for violation in found} == {planted.rule, *planted.also}, found
    by_its_rule = [list(one.evidence) for one in found if one.rule == planted.rule]
    assert list(planted.evidence) in by_its_rule


def test_the_rules_that_see_a_guard_gone_find_what_is_planted() -> None:
    found = {rule for plant in PLANTS for rule in _rules(plant())}
    assert all(guard.rules and found.issuperset(guard.rules) for guard in GUARDS.values())


def _rules(planted: Planted) -> set[str]:
    return {planted.rule, *planted.also}
