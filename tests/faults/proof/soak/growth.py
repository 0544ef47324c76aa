"""Whether what was measured again and again grows. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import linear_regression, mean, quantiles
from typing import TypeAlias

Point: TypeAlias = tuple[float, float]
"""Seconds from the beginning, and what was measured then."""

FEWEST = 8
"""Points behind the warm-up, at the least."""
_ENDS = 10
"""What start and end are the means of: the first and the last tenth of the points."""


class TooShort(Exception):
    """Too little was measured behind the warm-up to tell anything."""


@dataclass(frozen=True, slots=True)
class Measure:
    """``per_hour`` and ``least`` are in units: what gains more than that an hour, and whose lows
    are that much higher in the second half than in the first, is said to grow."""

    name: str
    unit: str
    per_hour: float
    least: float


@dataclass(frozen=True, slots=True)
class Series:
    """What was measured of one process, in order of time."""

    process: str
    measure: Measure
    points: Sequence[Point]


@dataclass(frozen=True, slots=True)
class Course:
    """How a series went behind its warm-up. ``slope``: units an hour."""

    series: Series
    start: float
    end: float
    slope: float
    grows: bool

    def __str__(self) -> str:
        process, measure = self.series.process, self.series.measure
        if not self.grows:
            return f"{process}'s {measure.name} does not grow"
        return f"{process}'s {measure.name} grows by {self.slope:.1f}{measure.unit} an hour"


def judge(series: Series, warm_up: float) -> Course:
    """``warm_up``: seconds at the beginning that don't count.

    What comes down again as far as before does not grow. What takes one step up does not, either:
    each half has to rise, half as fast as is allowed. Raises TooShort.
    """
    points = [point for point in series.points if point[0] >= warm_up]
    if len(points) < FEWEST:
        raise TooShort(f"{len(points)} points behind the warm-up are fewer than {FEWEST}")
    end, middle = max(1, len(points) // _ENDS), len(points) // 2
    first, second = points[:middle], points[middle:]
    slope, measure = _slope(points), series.measure
    return Course(
        series=series,
        start=mean(value for _, value in points[:end]),
        end=mean(value for _, value in points[-end:]),
        slope=slope,
        grows=slope > measure.per_hour
        and min(_slope(first), _slope(second)) > measure.per_hour / 2
        and _low(second) - _low(first) > measure.least,
    )


def _low(points: Sequence[Point]) -> float:
    """What nine of ten are above."""
    return quantiles((value for _, value in points), n=10)[0]


def _slope(points: Sequence[Point]) -> float:
    """An hour, by least squares."""
    times, values = zip(*points, strict=True)
    return linear_regression(times, values).slope * 3600
