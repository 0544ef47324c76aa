"""Whom a job's `notify` tells of what, and its `maintenance`: when nobody is told."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator

from crony_ops.model.duration import Duration, parse_duration
from crony_ops.model.part import Name, Part


class Occasion(StrEnum):
    failure = "failure"
    recovery = "recovery"
    missed = "missed"
    lost = "lost"
    slow = "slow"
    unassigned = "unassigned"


class Notify(Part):
    """Whom to tell, of what, and how often."""

    to: tuple[str, ...] = ()
    on: tuple[Occasion, ...] = tuple(Occasion)
    channels: tuple[Name, ...] = ()
    after: Annotated[int, Field(ge=1, description="failures in a row before the first alert")] = 1
    remind: Annotated[Duration, Field(description="0 = never")] = 14_400
    slow: Annotated[
        Duration | Literal["auto"] | None,
        Field(description="a success that took longer; auto: than 3 times its usual median"),
    ] = None
    runbook: Annotated[
        Annotated[str, StringConstraints(pattern=r"^https?://[^\s]+$")] | None,
        Field(description="what to do when it fails: the link in its messages"),
    ] = None

    @field_validator("slow", mode="before")
    @classmethod
    def _auto_or_some_time(cls, value: object) -> object:
        if value == "auto" or value is None:
            return value
        if parse_duration(value) == 0:
            raise ValueError("every run takes longer than 0: leave it out for no limit")
        return parse_duration(value)


class Window(Part):
    """A time of maintenance, from each tick of ``schedule`` on: nobody is told what the job does
    in it, unless it still does it at its end. ``schedule`` is in the job's time zone."""

    schedule: Annotated[str, Field(description="when it begins, written as a job's schedule")]
    duration: Duration

    @field_validator("duration")
    @classmethod
    def _some_time(cls, value: int) -> int:
        if value == 0:
            raise ValueError("a window of 0 is none: write how long it lasts, such as 2h")
        return value
