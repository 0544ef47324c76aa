"""Ours and the floor, measured in turn, so that both see the same machine."""

from __future__ import annotations

import gc
import statistics
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

PAIRS = 3

Measure = Callable[[], Awaitable[float]]
"""Does the work once and gives the seconds that count."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table. ``ours`` and ``floor`` are the seconds of each pair; ``limit`` is how
    long ours may take, given the floor, and ``target`` says it in words."""

    work: str
    ours: tuple[float, ...]
    floor: tuple[float, ...]
    target: str
    limit: Callable[[float], float]

    @property
    def medians(self) -> tuple[float, float]:
        return statistics.median(self.ours), statistics.median(self.floor)

    @property
    def ratios(self) -> list[float]:
        """Pair by pair, the smallest first."""
        return sorted(a / b for a, b in zip(self.ours, self.floor, strict=True))

    @property
    def holds(self) -> bool:
        ours, floor = self.medians
        return ours <= self.limit(floor)


def times(factor: float) -> tuple[str, Callable[[float], float]]:
    """A target of so many times the floor."""
    return f"≤ {factor:g} ×", lambda floor: factor * floor


def seconds(most: float) -> tuple[str, Callable[[float], float]]:
    """A target that does not depend on the floor."""
    return f"≤ {most:g} s", lambda _floor: most


def above(extra: float) -> tuple[str, Callable[[float], float]]:
    """A target of so many seconds more than the floor."""
    return f"≤ floor + {extra:g} s", lambda floor: floor + extra


async def side_by_side(
    work: str,
    ours: Measure,
    floor: Measure,
    target: tuple[str, Callable[[float], float]],
    pairs: int = PAIRS,
) -> Row:
    """One round of each that does not count, and then ``pairs`` that do."""
    measured: tuple[list[float], list[float]] = ([], [])
    for number in range(pairs + 1):
        for measure, into in zip((ours, floor), measured, strict=True):
            gc.collect()
            taken = await measure()
            if number:
                into.append(taken)
    return Row(work, tuple(measured[0]), tuple(measured[1]), *target)
