"""What the checker finds, and what of the history shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from tests.faults.proof.history import Act, Fault, Write

Evidence: TypeAlias = Act | Fault | Write


@dataclass(frozen=True, slots=True)
class Violation:
    """``rule``: the promise that was broken. ``evidence``: the smallest part of the history that
    shows it, in the order of time."""

    rule: str
    what: str
    evidence: tuple[Evidence, ...] = ()


def shown(*seen: Evidence | None) -> tuple[Evidence, ...]:
    """As evidence what there is of it."""
    return tuple(one for one in seen if one is not None)
