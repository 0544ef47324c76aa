"""What all records in etcd share: frozen, JSON in and out, and patient with a newer writer."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A value that stands in etcd as JSON.

    A field that this version doesn't know is passed over, so that a node one version older goes on
    working beside a newer one. Fields at their default are left out: 100,000 jobs share one etcd.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    def to_json(self) -> bytes:
        return self.model_dump_json(exclude_defaults=True).encode()

    @classmethod
    def from_json(cls, value: bytes) -> Self:
        """Raises ValueError (pydantic's) when the value can't be read as this record."""
        return cls.model_validate_json(value)
