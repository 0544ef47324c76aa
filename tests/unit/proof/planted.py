"""What a test plants: a history with one thing wrong, and how it must be found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.faults.proof.checker.violation import Evidence
    from tests.faults.proof.history import History
    from tests.unit.proof.story import Story


@dataclass(frozen=True)
class Planted:
    """``also``: the rules that can't but see it, too."""

    history: History
    rule: str
    evidence: Sequence[Evidence]
    also: Sequence[str] = ()


PLANTS: list[Callable[[], Planted]] = []


def plant(planted: Callable[[], Planted]) -> Callable[[], Planted]:
    PLANTS.append(planted)
    return planted


def held_by(story: Story, name: str = "node-1") -> str:
    """The key under which the node is given the job of most stories."""
    return story.keys.job(story.uuid(name), "j")
