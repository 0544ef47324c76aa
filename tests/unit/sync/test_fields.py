"""Fields are shown as people write them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from pydantic import BaseModel, BeforeValidator

from crony_ops.catalog.job_yaml import DURATIONS
from crony_ops.model.duration import parse_duration
from crony_ops.model.job import Job


def _durations(model: type[BaseModel], path: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        kinds = [field.annotation, *get_args(field.annotation)]
        marks = [*field.metadata, *(m for kind in kinds for m in get_args(kind)[1:])]
        if any(isinstance(m, BeforeValidator) and m.func is parse_duration for m in marks):
            yield path + name
        for kind in kinds:
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from _durations(kind, f"{path}{name}.")


def test_every_duration_of_a_job_is_known_as_one() -> None:
    assert set(_durations(Job)) == DURATIONS
