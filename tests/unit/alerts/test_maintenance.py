"""When a job's windows of maintenance are over."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from crony_ops.alerts.maintenance import rests_until
from crony_ops.model.job import Job

ZONE = ZoneInfo("Europe/Berlin")


def job(*windows: tuple[str, str]) -> Job:
    written = [{"schedule": schedule, "duration": duration} for schedule, duration in windows]
    fields = {"schedule": "@daily", "shell": "true", "timezone": "Europe/Berlin"}
    return Job.model_validate({**fields, "maintenance": written})


@pytest.mark.parametrize(
    ("at", "until"),
    [
        ("01:59:59", None),
        ("02:00:00", "04:00:00"),
        ("03:59:59", "04:00:00"),
        ("04:00:00", None),
        ("22:30:00", "23:30:00"),
        ("23:15:00", "23:45:00"),
        ("23:40:00", "23:45:00"),
    ],
)
def test_windows_are_in_the_zone_of_the_job_and_follow_on_each_other(
    at: str, until: str | None
) -> None:
    windows = ("0 2 * * *", "2h"), ("30 22 * * *", "1h"), ("0 23 * * *", "45m")
    expected = None if until is None else _at(until)
    if at == "22:30:00":
        expected = _at("23:45:00")
    assert rests_until(job(*windows), "j", _at(at)) == expected


def test_a_job_without_windows_never_rests() -> None:
    assert rests_until(job(), "j", _at("02:00:00")) is None


def test_windows_without_a_break_come_to_an_answer() -> None:
    assert rests_until(job(("* * * * *", "2h")), "j", _at("02:00:00")) is not None


def test_a_schedule_that_this_version_can_not_read_silences_nobody() -> None:
    assert rests_until(job(("@fortnightly", "2h")), "j", _at("02:00:00")) is None


def _at(time: str) -> float:
    return datetime.fromisoformat(f"2026-11-23T{time}").replace(tzinfo=ZONE).timestamp()
