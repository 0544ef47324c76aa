"""What all records in etcd share: frozen, JSON in and out, and patient with a newer writer."""

from __future__ import annotations

import json
import logging
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

log = logging.getLogger(__name__)


class Record(BaseModel):
    """A value that stands in etcd as JSON.

    A field that this version doesn't know is passed over, so that a node one version older goes on
    working beside a newer one. Fields at their default are left out: 100,000 jobs share one etcd.
    No number is infinite or none: no sum of it could be told, nor written as JSON.

    An empty mapping as a default comes from a ``default_factory``: pydantic makes a deepcopy of
    ``= {}`` for each value that it reads, which is a seventh of the time.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True, allow_inf_nan=False)

    def to_json(self) -> bytes:
        return self.model_dump_json(exclude_defaults=True).encode()

    @classmethod
    def from_json(cls, value: bytes) -> Self:
        """Raises ValueError (pydantic's) when the value can't be read as this record."""
        return cls.model_validate_json(value)

    @classmethod
    def read(cls, key: str, value: bytes) -> Self | None:
        """The value of a key; one that can't be read is named in the log, and passed over."""
        try:
            return cls.from_json(value)
        except ValueError as error:
            log.warning(
                "%s can't be read, and is passed over: %s", key, " ".join(str(error).split())
            )
            return None

    @classmethod
    def from_newer_json(cls, value: bytes) -> tuple[Self, tuple[str, ...]]:
        """As far as this version understands it, and the fields that it had to leave out.

        A job refuses fields that it doesn't know, for in a file they are misspelt. In etcd they
        are a newer version's. Raises ValueError where what is left means nothing, either.
        """
        try:
            return cls.from_json(value), ()
        except ValidationError as error:
            places = [problem["loc"] for problem in error.errors()]
            if not all(places):
                raise
        written = json.loads(value)
        for place in places:
            _leave_out(written, place)
        named = sorted({".".join(map(str, place)) for place in places})
        return cls.model_validate_json(json.dumps(written)), tuple(named)


def _leave_out(written: dict[str, Any], place: tuple[int | str, ...]) -> None:
    """The field at that place. An item of a list takes the whole list with it."""
    inside: Any = written
    for step, following in zip(place, (*place[1:], None), strict=True):
        if not isinstance(inside, dict) or step not in inside:
            return
        if not isinstance(following, str) or not isinstance(inside[step], dict):
            del inside[step]
            return
        inside = inside[step]
