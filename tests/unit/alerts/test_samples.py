"""Whoever previews an alert sees all of its phrase filled in."""

from __future__ import annotations

import pytest

from crony_ops.alerts.phrases import message_of
from crony_ops.alerts.samples import sample
from crony_ops.alerts.watched import Watched
from crony_ops.model.alert import Cause, Severity
from crony_ops.model.job import Job


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("cause", Cause)
def test_a_sample_of_each_cause_has_words_in_each_language(cause: Cause, language: str) -> None:
    message = message_of(sample(cause, 1_800_000_000.0), "zh" if language == "zh" else "en")
    assert message.subject
    assert message.text
    for words in (message.subject, message.text):
        assert "  " not in words
        assert not words.startswith(" ")
        assert not words.endswith(" ")


@pytest.mark.parametrize("cause", [Cause.failure, Cause.recovery, Cause.slow, Cause.missed])
def test_a_samples_severity_is_that_of_the_rules_for_a_route_may_ask_for_it(cause: Cause) -> None:
    job = Watched("j", Job(schedule="@daily", shell="true"))
    assert sample(cause, 1_800_000_000.0).severity == job.alert(cause, "n", 0.0).severity


def test_a_sample_of_a_lost_node_has_jobs_that_could_not_be_moved() -> None:
    assert sample(Cause.node_lost, 1_800_000_000.0).severity is Severity.critical
    assert sample(Cause.watcher_took_over, 1_800_000_000.0).severity is Severity.info
