"""Ours and the floor, measured in turn, so that both see the same machine."""

from __future__ import annotations

import gc
from collections.abc import Awaitable, Callable

from bench.row import Row, Target

PAIRS = 5

Measure = Callable[[], Awaitable[float]]
"""Does the work once and gives the seconds that count."""


async def side_by_side(work: str, ours: Measure, floor: Measure, target: Target) -> Row:
    """One round of each that does not count, and then PAIRS that do."""
    measured: tuple[list[float], list[float]] = ([], [])
    for number in range(PAIRS + 1):
        for measure, into in zip((ours, floor), measured, strict=True):
            gc.collect()
            taken = await measure()
            if number:
                into.append(taken)
    return Row(work, tuple(measured[0]), tuple(measured[1]), target)


async def repeated(measure: Measure, rounds: int) -> tuple[float, ...]:
    """The seconds of each round, where there is no floor to take turns with. None is thrown away:
    who wants a warm start makes one."""
    taken = []
    for _ in range(rounds):
        gc.collect()
        taken.append(await measure())
    return tuple(taken)
