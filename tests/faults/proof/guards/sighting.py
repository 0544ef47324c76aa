"""Which rule saw that a guard was gone, and how soon. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.faults.proof.history import Act, Write

if TYPE_CHECKING:
    from tests.faults.proof.checker.violation import Evidence, Violation
    from tests.faults.proof.history import History


@dataclass(frozen=True, slots=True)
class Sighting:
    """``seconds`` into the run, with so many ``faults`` begun, the evidence of the rule's first
    violation was complete; ``violations``: how many the rule came to have."""

    rule: str
    violations: int
    faults: int
    seconds: float

    def __str__(self) -> str:
        seen = f"after {self.faults} faults, {self.seconds:.0f} s"
        return f"{seen}: {self.rule} ({self.violations:,} in all)"


def sightings(history: History, violations: Iterable[Violation]) -> list[Sighting]:
    """One of each rule, the earliest first."""
    seen: dict[str, list[float]] = {}
    for violation in violations:
        shown = [_at(one) for one in violation.evidence]
        seen.setdefault(violation.rule, []).append(max(shown, default=history.end.at))
    began = [fault.began for fault in history.faults if fault.is_inflicted]
    return sorted(
        (
            Sighting(
                rule=rule,
                violations=len(times),
                faults=sum(at <= min(times) for at in began),
                seconds=min(times) - history.setup.began,
            )
            for rule, times in seen.items()
        ),
        key=lambda one: one.seconds,
    )


def _at(evidence: Evidence) -> float:
    if isinstance(evidence, Act | Write):
        return evidence.at
    return evidence.began if evidence.ended is None else evidence.ended
