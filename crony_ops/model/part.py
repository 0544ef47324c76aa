"""What the parts of a job file have in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Name = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"),
    Field(description="letters, digits, dot, underscore, dash"),
]


class Part(BaseModel):  # noqa: PLW1641 - pydantic hashes what is frozen
    """A piece of a job. Unknown fields are refused: a misspelt one must not be a silent default."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    def __eq__(self, other: object) -> bool:
        # A part that nobody wrote is the default itself, and each is asked whether it is when a
        # job becomes JSON.
        return self is other or super().__eq__(other)
