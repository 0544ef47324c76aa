"""What `validate` prints for machines. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from crony_ops.catalog.problem import ProblemPart  # noqa: TC001 - read for the schema

if TYPE_CHECKING:
    from crony_ops.catalog import Catalog


@dataclass(frozen=True, slots=True)
class ValidateDocument:
    """``jobs`` counts those that can be used. Warnings leave the files ``valid``."""

    valid: bool
    files: list[str]
    jobs: int
    problems: list[ProblemPart]
    warnings: list[ProblemPart]


def validate_document(catalog: Catalog) -> ValidateDocument:
    return ValidateDocument(
        valid=not catalog.problems,
        files=list(catalog.files),
        jobs=len(catalog.specs),
        problems=[problem.for_machines() for problem in catalog.problems],
        warnings=[problem.for_machines() for problem in catalog.warnings],
    )
