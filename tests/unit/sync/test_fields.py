"""Fields are shown as people write them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from pydantic import BaseModel, BeforeValidator

from crony_ops.catalog.job_yaml import DURATIONS
from crony_ops.model.duration import parse_duration
from crony_ops.model.job import Job
from crony_ops.sync.fields import FieldChange, changed_fields
from tests.unit.sync.jobs import spec


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


def test_what_sounds_secret_is_hidden() -> None:
    url = "https://anna:{}@example.com/?token={}"
    before, after = (
        spec(
            http={
                "url": url.format(secret, secret),
                "headers": {"X.Api-Key": secret, "Accept": secret},
                "query": {"password": secret},
            }
        )
        for secret in ("old", "new")
    )
    hidden = "https://anna:(hidden)@example.com/?token=(hidden)"
    assert set(changed_fields(before, after)) == {
        FieldChange("http.url", hidden, hidden),
        FieldChange("http.headers.X.Api-Key", "(hidden)", "(hidden)"),
        FieldChange("http.headers.Accept", "old", "new"),
        FieldChange("http.query.password", "(hidden)", "(hidden)"),
    }


def test_a_reference_to_a_secret_is_shown() -> None:
    before, after = (spec(env={"TOKEN": token}) for token in ("hunter2", "${file:/etc/token}"))
    assert changed_fields(before, after) == (
        FieldChange("env.TOKEN", "(hidden)", "${file:/etc/token}"),
    )
