"""The load of a soak beside its jobs: orders at an even pace."""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter

from tests.faults.proof.history import Kind
from tests.faults.proof.nemesis.plan import Step

_EACH = {Kind.sync: 10, Kind.run: 5, Kind.kill_run: 15, Kind.pause: 15}
"""Seconds between two of a kind."""
_PAUSED = 5.0


def even_load(duration: float) -> list[Step]:
    """In order of time; all is over by ``duration`` seconds."""
    return sorted(_steps(duration), key=attrgetter("at"))


def _steps(duration: float) -> Iterator[Step]:
    for kind, each in _EACH.items():
        lasts = _PAUSED if kind is Kind.pause else 0.0
        times = range(each, int(duration - lasts) + 1, each)
        yield from (Step(at, kind, lasts=lasts, number=at) for at in times)
