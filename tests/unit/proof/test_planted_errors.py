"""Every kind of broken promise is planted, one in each history, and must be found: by its rule, and
by the evidence that shows it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.faults.proof.checker import check
from tests.unit.proof import planted_claims, planted_moves, planted_orders, planted_runs
from tests.unit.proof.planted import PLANTS, Planted

MODULES = (planted_claims, planted_moves, planted_orders, planted_runs)
"""To import them is to plant."""


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.__name__)
def test_a_planted_error_is_found(plant: Callable[[], Planted]) -> None:
    planted = plant()
    found = check(planted.history)
    assert {violation.rule for violation in found} == {planted.rule, *planted.also}, found
    by_its_rule = [list(one.evidence) for one in found if one.rule == planted.rule]
    assert list(planted.evidence) in by_its_rule
