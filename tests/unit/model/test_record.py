"""A record is read by an older and by a newer version than the one that wrote it."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from crony_ops.model.node import Cordon
from crony_ops.model.spec import Assignment

JOB: dict[str, Any] = {"schedule": "* * * * *", "shell": "true"}


def assignment(**fields: Any) -> bytes:
    return json.dumps(
        {"job": {**JOB, **fields}, "sha256": "s", "spec_revision": 1, "by": "a newer leader"}
    ).encode()


def test_what_this_version_knows_is_read_as_it_stands() -> None:
    read, unknown = Assignment.from_newer_json(assignment(user="web"))
    assert (read.job.user, unknown) == ("web", ())


@pytest.mark.parametrize(
    ("newer", "unknown"),
    [
        ({"color": "red"}, ("job.color",)),
        ({"retries": {"count": 2, "until": "noon"}}, ("job.retries.until",)),
        ({"concurrency": "queue"}, ("job.concurrency",)),
        ({"success": {"exit_codes": [0, "any"]}}, ("job.success.exit_codes.1",)),
        ({"color": "red", "nice": "very"}, ("job.color", "job.nice")),
    ],
)
def test_what_only_a_newer_version_knows_is_left_out_and_named(
    newer: dict[str, Any], unknown: tuple[str, ...]
) -> None:
    read, left_out = Assignment.from_newer_json(assignment(**newer))
    assert left_out == unknown
    assert (read.job.schedule, read.job.shell) == ("* * * * *", "true")
    assert read.job.retries.count == newer.get("retries", {}).get("count", 0)


@pytest.mark.parametrize("value", [b"", b"no JSON", b"[]", b"{}", assignment(shell=None)])
def test_what_means_nothing_at_all_is_refused(value: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        Assignment.from_newer_json(value)


def test_a_value_that_cant_be_read_is_named_and_passed_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        assert Cordon.read("/crony/cordon/u", b"{}") is None
    assert "/crony/cordon/u" in caplog.text
    assert Cordon.read("/crony/cordon/u", b'{"who":"ann","at":1}') == Cordon(who="ann", at=1)
