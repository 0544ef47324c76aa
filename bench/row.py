"""What was measured, the least that it could be, and the most that it may be.

Less is better in every figure: what is better when it is more (runs per second) is given as its
inverse (seconds for a thousand runs).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass

GROWS_AT_MOST = 1.1
"""The exponent that no growth may pass: a little more than a straight line's, for measuring is
never exact."""


@dataclass(frozen=True, slots=True)
class Target:
    """``limit`` gives the most that ours may be, from the floor; ``words`` tells it to people."""

    words: str
    limit: Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table.

    ``ours`` holds the figure of each round, in ``unit``. ``floor`` holds the floor's figure of the
    same rounds, or nothing where no floor can be named. ``target`` is None for a figure that is
    only told.
    """

    work: str
    ours: tuple[float, ...]
    floor: tuple[float, ...]
    target: Target | None
    unit: str = "s"

    @property
    def medians(self) -> tuple[float, float | None]:
        return statistics.median(self.ours), statistics.median(self.floor) if self.floor else None

    @property
    def ratios(self) -> list[float]:
        """Of ours to the floor, pair by pair, the smallest first; none without a floor."""
        if not self.floor:
            return []
        return sorted(a / b for a, b in zip(self.ours, self.floor, strict=True))

    @property
    def limit(self) -> float | None:
        """What the median of ours may be, in ``unit``."""
        _, floor = self.medians
        return self.target.limit(0.0 if floor is None else floor) if self.target else None

    @property
    def holds(self) -> bool | None:
        """Whether the target is met; None where there is none."""
        limit = self.limit
        return None if limit is None else self.medians[0] <= limit


@dataclass(frozen=True, slots=True)
class Growth:
    """How long the same work takes as there is more and more of it. ``seconds`` holds, for each
    size, the seconds of each round; two sizes at least."""

    work: str
    seconds: Mapping[int, tuple[float, ...]]

    @property
    def medians(self) -> dict[int, float]:
        return {size: statistics.median(taken) for size, taken in self.seconds.items()}

    @property
    def exponent(self) -> float:
        """Of the power of the size that fits best: the slope of the least-squares line through the
        logarithms. 1 is a straight line, 2 is a square."""
        return self.fit[0]

    @property
    def last_step(self) -> float:
        """The exponent from the second largest size to the largest: what is always the same counts
        for less there than in the fit."""
        (smaller, less), (larger, more) = sorted(self.medians.items())[-2:]
        return math.log(more / less) / math.log(larger / smaller)

    @property
    def fit(self) -> tuple[float, float]:
        """The exponent, and what the fit says of size 1, in seconds."""
        sizes = [math.log(size) for size in self.seconds]
        slope, intercept = statistics.linear_regression(
            sizes, [math.log(taken) for taken in self.medians.values()]
        )
        return slope, math.exp(intercept)

    @property
    def holds(self) -> bool:
        return self.exponent <= GROWS_AT_MOST


def times(factor: float) -> Target:
    """So many times the floor."""
    return Target(f"≤ {factor:g} ×", lambda floor: factor * floor)


def at_most(most: float, unit: str = "s") -> Target:
    """So much, whatever the floor; ``unit`` is the row's."""
    return Target(f"≤ {most:g} {unit}", lambda _floor: most)


def above(extra: float, unit: str = "s") -> Target:
    """So much more than the floor; ``unit`` is the row's."""
    return Target(f"≤ floor + {extra:g} {unit}", lambda floor: floor + extra)
