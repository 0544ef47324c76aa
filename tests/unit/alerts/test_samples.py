"""Whoever previews an alert sees all of its phrase filled in."""

from __future__ import annotations

import pytest

from crony_ops.alerts.phrases import message_of
from crony_ops.alerts.samples import sample
from crony_ops.model.alert import Cause


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
