"""X.509 as the fleet uses it: what a certificate should say, if it still does, and new ones."""

from __future__ import annotations

import enum
import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from crony_ops.errors import InvalidInput

AUTHORITY_DAYS = 3650
_BACKDATED = timedelta(days=1)
"""A host whose clock is behind must take a certificate that was made just now."""
_LONGEST_NAME = 64
"""X.509's own limit of a common name."""


class BadCertificateOrder(InvalidInput):
    message = "no certificate for {name!r}: {reason}"


class Usage(enum.StrEnum):
    server = "server"
    client = "client"


_PURPOSE = {
    Usage.server: ExtendedKeyUsageOID.SERVER_AUTH,
    Usage.client: ExtendedKeyUsageOID.CLIENT_AUTH,
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a certificate should say, and for how long. ``names`` are DNS names and IP addresses."""

    common_name: str
    names: frozenset[str]
    usage: frozenset[Usage]
    days: int
    renew_days: int

    @classmethod
    def of(
        cls,
        common_name: str,
        *,
        names: Iterable[str] = (),
        usage: Iterable[str] = (Usage.client,),
        days: int = 365,
        renew_days: int = 30,
    ) -> Self:
        """Raises BadCertificateOrder. A common name is a file's name too."""

        def refused(reason: str) -> BadCertificateOrder:
            return BadCertificateOrder(name=common_name, reason=reason)

        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", common_name) or common_name == "ca":
            raise refused("a name has letters, digits, dots, dashes and _, and is not ca")
        if len(common_name) > _LONGEST_NAME:
            raise refused(f"{len(common_name)} characters are more than {_LONGEST_NAME}")
        uses = list(usage)
        if not uses or not set(uses) <= set(Usage):
            raise refused(f"usage is server, client or both, not {', '.join(uses) or 'nothing'}")
        if not 0 <= renew_days < days:
            raise refused("renew_days must be less than days, or it would be renewed for ever")
        try:
            alternatives = frozenset(map(_plain, names))
        except ValueError as error:
            raise refused(str(error)) from None
        return cls(common_name, alternatives, frozenset(map(Usage, uses)), days, renew_days)


@dataclass(frozen=True, slots=True)
class Signer:
    """An authority: its certificate, and the key that signs."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def must_renew(
    certificate: x509.Certificate, wanted: Wanted, authority: x509.Certificate, now: datetime
) -> str:
    """Why it can't stay, in words, or nothing if it can.

    One that ends with its authority stays to the end: a new one would last no longer.
    """
    try:
        certificate.verify_directly_issued_by(authority)
    except (InvalidSignature, TypeError, ValueError):
        return "it is of another authority"
    if certificate.not_valid_before_utc > now:
        return "it is not valid yet"
    ends = certificate.not_valid_after_utc
    if ends - now < timedelta(days=wanted.renew_days) and ends < authority.not_valid_after_utc:
        return f"it ends at {ends:%Y-%m-%d %H:%M} UTC"
    if _common_name(certificate) != wanted.common_name:
        return "its common name has changed"
    if _names(certificate) != wanted.names:
        return "its names have changed"
    if _usage(certificate) != {_PURPOSE[use] for use in wanted.usage}:
        return "its usage has changed"
    return ""


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def new_authority(key: ec.EllipticCurvePrivateKey, now: datetime) -> Signer:
    """Its name follows from the key: a new certificate of it vouches for all that it ever signed,
    and another authority is told from it."""
    fingerprint = x509.SubjectKeyIdentifier.from_public_key(key.public_key()).digest.hex()
    name = _subject(f"Crony authority {fingerprint[:16]}")
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    builder = (
        _builder(key, now, now + timedelta(days=AUTHORITY_DAYS))
        .subject_name(name)
        .issuer_name(name)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
    )
    return Signer(builder.sign(key, hashes.SHA256()), key)


def issue(
    signer: Signer, wanted: Wanted, key: ec.EllipticCurvePrivateKey, now: datetime
) -> x509.Certificate:
    """For ``wanted.days``, but never longer than the authority lasts."""
    ends = min(now + timedelta(days=wanted.days), signer.certificate.not_valid_after_utc)
    authority = signer.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    builder = (
        _builder(key, now, ends)
        .subject_name(_subject(wanted.common_name))
        .issuer_name(signer.certificate.subject)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([_PURPOSE[use] for use in sorted(wanted.usage)]), critical=False
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(authority.value),
            critical=False,
        )
    )
    if wanted.names:
        names = [_general_name(name) for name in sorted(wanted.names)]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(signer.key, hashes.SHA256())


def certificate_text(certificate: x509.Certificate) -> str:
    """As PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def key_text(key: ec.EllipticCurvePrivateKey) -> str:
    """As PEM, PKCS #8, in the clear."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def _builder(
    key: ec.EllipticCurvePrivateKey, now: datetime, ends: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(ends)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _subject(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _plain(name: str) -> str:
    """One way to write a name. Raises ValueError for what is neither a DNS name nor an address."""
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        if not re.fullmatch(r"[A-Za-z0-9_*]([A-Za-z0-9._-]*[A-Za-z0-9_])?", name):
            raise ValueError(f"{name!r} is neither a DNS name nor an IP address") from None
        return name.lower()


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _common_name(certificate: x509.Certificate) -> str:
    found = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else ""


def _names(certificate: x509.Certificate) -> set[str]:
    try:
        held = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    addresses = map(str, held.get_values_for_type(x509.IPAddress))
    return {*held.get_values_for_type(x509.DNSName), *addresses}


def _usage(certificate: x509.Certificate) -> set[x509.ObjectIdentifier]:
    try:
        held = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return set()
    return set(held)
