"""The courses of a soak, a row of a terminal each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from statistics import mean
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.faults.proof.soak.growth import Course

WIDTH = 40
BARS = "▁▂▃▄▅▆▇█"


def plot(courses: Iterable[Course]) -> str:
    """The warm-up is in the line, and not in the figures beside it."""
    return "\n".join(map(_row, courses))


def _row(course: Course) -> str:
    series, measure = course.series, course.series.measure
    line = sparkline([value for _, value in series.points], measure.least)
    figures = f"{course.start:9,.1f} → {course.end:,.1f}{measure.unit}"
    verdict = "  GROWS" if course.grows else ""
    row = f"{series.process:9}  {measure.name:16}  {line:{WIDTH}} {figures:25}"
    return f"{row} {course.slope:+9,.1f} an hour{verdict}"


def sparkline(values: Sequence[float], least: float) -> str:
    """``least`` is the height of the line, if what it shows has not more: noise stays low."""
    columns = min(WIDTH, len(values))
    edges = [column * len(values) // columns for column in range(columns + 1)]
    means = [mean(values[a:b]) for a, b in pairwise(edges)]
    low = min(means)
    height = max(max(means) - low, least)
    return "".join(BARS[round((each - low) / height * (len(BARS) - 1))] for each in means)
