"""How etcd is named in a configuration, and how its refusals are read."""

from __future__ import annotations

import pytest
from grpc import StatusCode
from pydantic import ValidationError

from crony_ops.store import EtcdSettings
from crony_ops.store.verdict import Verdict, in_words, verdict


@pytest.mark.parametrize(
    ("given", "endpoint", "address", "tls"),
    [
        ("db", "db:2379", "db:2379", False),
        ("http://db:1/", "http://db:1", "db:1", False),
        ("https://db", "https://db:2379", "db:2379", True),
        ("[::1]", "[::1]:2379", "[::1]:2379", False),
        ("[::1]:5", "[::1]:5", "[::1]:5", False),
    ],
)
def test_an_endpoint_may_leave_out_what_goes_without_saying(
    given: str, endpoint: str, address: str, tls: bool
) -> None:
    settings = EtcdSettings(endpoints=(given,))
    assert settings.endpoints == (endpoint,)
    assert settings.addresses == (address,)
    assert settings.tls is tls


@pytest.mark.parametrize(
    "bad",
    [
        {"endpoints": []},
        {"endpoints": ["db:x"]},
        {"endpoints": ["ftp://db:1"]},
        {"endpoints": ["db:70000"]},
        {"endpoints": ["http://a:1", "https://b:1"]},
        {"prefix": "crony"},
        {"prefix": "/"},
        {"username": "me"},
        {"cert_file": "c.pem"},
        {"request_timeout": 0},
        {"endpoint": "db:1"},
    ],
)
def test_settings_that_could_not_work_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        EtcdSettings.model_validate(bad)


@pytest.mark.parametrize(
    ("code", "details", "expected"),
    [
        (StatusCode.UNAVAILABLE, "failed to connect to all addresses", Verdict.NEVER_SENT),
        (StatusCode.UNAVAILABLE, "etcdserver: no leader", Verdict.NEVER_SENT),
        (StatusCode.UNAVAILABLE, "Socket closed", Verdict.UNKNOWN),
        (StatusCode.UNAVAILABLE, "etcdserver: request timed out", Verdict.UNKNOWN),
        (StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded", Verdict.UNKNOWN),
        (StatusCode.RESOURCE_EXHAUSTED, "etcdserver: too many requests", Verdict.BUSY),
        (StatusCode.RESOURCE_EXHAUSTED, "mvcc: database space exceeded", Verdict.REFUSED),
        (StatusCode.RESOURCE_EXHAUSTED, "Received message larger than max", Verdict.UNKNOWN),
        (StatusCode.UNAUTHENTICATED, "etcdserver: invalid auth token", Verdict.UNAUTHENTICATED),
        (
            *(StatusCode.INVALID_ARGUMENT, "etcdserver: revision of auth store is old"),
            Verdict.OUTDATED,
        ),
        (StatusCode.INVALID_ARGUMENT, "etcdserver: duplicate key", Verdict.REFUSED),
        (StatusCode.PERMISSION_DENIED, "etcdserver: permission denied", Verdict.REFUSED),
    ],
)
def test_only_what_was_never_taken_up_may_be_sent_again(
    code: StatusCode, details: str, expected: Verdict
) -> None:
    assert verdict(code, details) is expected


_ALL = "failed to connect to all addresses; last error: UNKNOWN: "


@pytest.mark.parametrize(
    ("details", "words"),
    [
        (
            _ALL + "ipv4:10.0.0.1:2379: Failed to connect to remote host: Connection refused",
            "Connection refused",
        ),
        (_ALL + "ipv6:%5B::1%5D:2379: Socket closed", "Socket closed"),
        (
            _ALL + "ipv4:10.0.0.1:2379: connection attempt timed out before receiving SETTINGS "
            "frame",
            "connected, but no answer came",
        ),
        ("Deadline Exceeded", "Deadline Exceeded"),
        ("etcdserver: no leader", "etcdserver: no leader"),
    ],
)
def test_what_an_endpoint_said_is_told_without_the_words_around_it(
    details: str, words: str
) -> None:
    assert in_words(details) == words
