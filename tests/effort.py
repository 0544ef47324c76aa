"""How many cases a property is tried on: as many as the profile says, or some times that."""

from __future__ import annotations

from hypothesis import settings


def times(factor: int) -> settings:
    """For what is quick to try. Read when a test is defined, when the profile is chosen."""
    return settings(max_examples=factor * settings().max_examples)
