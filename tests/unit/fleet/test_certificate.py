"""When a certificate stays and when it is made anew, and what a new one says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from crony_ops.fleet.certificate import (
    AUTHORITY_DAYS,
    BadCertificateOrder,
    Usage,
    Wanted,
    issue,
    must_renew,
    new_authority,
    new_key,
)

NOW = datetime(2026, 11, 22, 16, tzinfo=UTC)
AUTHORITY = new_authority(new_key(), NOW)
ANOTHER = new_authority(new_key(), NOW)
NAMES = ("10.0.0.1", "h1.example", "fd00::1")


def wanted(**changes: Any) -> Wanted:
    fields: dict[str, Any] = {"common_name": "node-h1", "names": NAMES, "usage": ["client"]}
    fields |= changes
    return Wanted.of(fields.pop("common_name"), **fields)


CERTIFICATE = issue(AUTHORITY, wanted(), new_key(), NOW)


@pytest.mark.parametrize(
    ("days", "changes", "reason"),
    [
        (0, {}, ""),
        (334, {}, ""),
        (336, {}, "it ends at 2027-11-22 16:00 UTC"),
        (400, {}, "it ends at 2027-11-22 16:00 UTC"),
        (336, {"renew_days": 20}, ""),
        (-2, {}, "it is not valid yet"),
        (0, {"common_name": "node-h2"}, "its common name has changed"),
        (0, {"names": reversed(NAMES)}, ""),
        (0, {"names": ["10.0.0.1", "H1.Example", "fd00:0::1"]}, ""),
        (0, {"names": NAMES[:2]}, "its names have changed"),
        (0, {"names": []}, "its names have changed"),
        (0, {"usage": ["client", "server"]}, "its usage has changed"),
        (0, {"usage": ["server"]}, "its usage has changed"),
        (0, {"days": 90}, ""),
    ],
)
def test_a_certificate_is_renewed_in_time_or_when_it_says_the_wrong_thing(
    days: int, changes: dict[str, Any], reason: str
) -> None:
    now = NOW + timedelta(days=days)
    assert must_renew(CERTIFICATE, wanted(**changes), AUTHORITY.certificate, now) == reason


def test_a_certificate_of_another_authority_is_renewed() -> None:
    assert (
        must_renew(CERTIFICATE, wanted(), ANOTHER.certificate, NOW) == "it is of another authority"
    )


def test_no_certificate_outlasts_its_authority_and_none_is_renewed_for_nothing() -> None:
    late = NOW + timedelta(days=AUTHORITY_DAYS - 10)
    last = issue(AUTHORITY, wanted(), new_key(), late)
    assert last.not_valid_after_utc == AUTHORITY.certificate.not_valid_after_utc
    assert must_renew(last, wanted(), AUTHORITY.certificate, late) == ""


def test_a_certificate_says_what_was_wanted_and_no_more() -> None:
    extensions = CERTIFICATE.extensions
    names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["h1.example"]
    assert list(map(str, names.get_values_for_type(x509.IPAddress))) == ["10.0.0.1", "fd00::1"]
    usage = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    assert CERTIFICATE.not_valid_before_utc < NOW
    assert CERTIFICATE.not_valid_after_utc == NOW + timedelta(days=365)


@given(
    names=st.sets(st.sampled_from(["a.example", "b.example", "10.0.0.1", "::1", "*.c.example"])),
    usage=st.sets(st.sampled_from(list(Usage)), min_size=1),
    days=st.integers(31, 4000),
)
def test_what_was_just_issued_stays(names: set[str], usage: set[Usage], days: int) -> None:
    order = wanted(names=names, usage=usage, days=days)
    made = issue(AUTHORITY, order, new_key(), NOW)
    assert must_renew(made, order, AUTHORITY.certificate, NOW) == ""


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"common_name": ""}, "letters, digits"),
        ({"common_name": "ca"}, "is not ca"),
        ({"common_name": "../h1"}, "letters, digits"),
        ({"common_name": ".lock"}, "letters, digits"),
        ({"common_name": "n" * 65}, "65 characters are more than 64"),
        ({"usage": []}, "not nothing"),
        ({"usage": ["sign"]}, "not sign"),
        ({"days": 30}, "renewed for ever"),
        ({"renew_days": -1}, "renewed for ever"),
        ({"names": ["h1 h2"]}, "'h1 h2' is neither a DNS name nor an IP address"),
        ({"names": [""]}, "neither a DNS name nor an IP address"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(BadCertificateOrder, match=words) as refusal:
        wanted(**changes)
    assert refusal.value.exit_status == 2
