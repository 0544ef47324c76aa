"""The fleet's own certificate authority: a folder on the controller that holds all keys.

``ca.pem`` and ``ca.key`` are the authority's, ``<common name>.pem`` and ``.key`` everyone's. Keys
are 0600, the folder 0700. A file is replaced in one step, and runs at once wait for each other.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from crony_ops.errors import CronyError
from crony_ops.fleet.certificate import (
    Signer,
    Wanted,
    certificate_text,
    issue,
    key_text,
    must_renew,
    new_authority,
    new_key,
)


class AuthorityUnusable(CronyError):
    """The folder, or what is in it, can't be used as it is."""

    message = "{path}: {reason}"


@dataclass(frozen=True, slots=True)
class Issued:
    """PEM texts of a certificate and of the authority that vouches for it.

    ``key_file`` has its key, which nobody needs to read here; it is None where nothing is kept.
    ``renewed`` says why it was made anew just now; it is empty if it was there already.
    """

    certificate: str
    authority: str
    key_file: Path | None
    renewed: str


def issued(folder: Path, wanted: Wanted, *, keep: bool = True) -> Issued:
    """The certificate that ``folder`` has for ``wanted``, made if need be; so is the authority.

    With ``keep`` False nothing is written: what would be made is made in memory.
    Raises AuthorityUnusable.
    """
    now = datetime.now(UTC)
    try:
        if not keep:
            return _issued(folder, wanted, now, keep=False)
        with _locked(folder):
            return _issued(folder, wanted, now, keep=True)
    except OSError as error:
        raise AuthorityUnusable(path=folder, reason=error.strerror or error) from None


def _issued(folder: Path, wanted: Wanted, now: datetime, *, keep: bool) -> Issued:
    signer = _signer(folder, now, keep=keep)
    certificate_path = folder / f"{wanted.common_name}.pem"
    key_path = folder / f"{wanted.common_name}.key"
    certificate, key = _certificate(certificate_path), _key(key_path)
    if certificate is None:
        reason = "there was none"
    elif key is None or key.public_key() != certificate.public_key():
        reason = "its key is not there"
    else:
        reason = must_renew(certificate, wanted, signer.certificate, now)
    if certificate is None or key is None or reason:
        key = new_key()
        certificate = issue(signer, wanted, key, now)
        if keep:
            # The key first: if we are killed in between, it does not fit, and both are made anew.
            _write(key_path, key_text(key), 0o600)
            _write(certificate_path, certificate_text(certificate), 0o644)
    return Issued(
        certificate=certificate_text(certificate),
        authority=certificate_text(signer.certificate),
        key_file=key_path if keep or not reason else None,
        renewed=reason,
    )


def _signer(folder: Path, now: datetime, *, keep: bool) -> Signer:
    certificate_path, key_path = folder / "ca.pem", folder / "ca.key"
    certificate, key = _certificate(certificate_path), _key(key_path)
    if certificate is None:
        key_is_new = key is None
        signer = new_authority(key or new_key(), now)
        if keep:
            if key_is_new:
                _write(key_path, key_text(signer.key), 0o600)
            _write(certificate_path, certificate_text(signer.certificate), 0o644)
        return signer
    if key is None or key.public_key() != certificate.public_key():
        reason = "it is not the key of ca.pem" if key else "there is no such key, but a ca.pem"
        raise AuthorityUnusable(path=key_path, reason=reason)
    if certificate.not_valid_after_utc <= now:
        raise AuthorityUnusable(
            path=certificate_path,
            reason=f"it ended at {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC: "
            "move the folder away, and all is issued anew",
        )
    return Signer(certificate, key)


def _certificate(path: Path) -> x509.Certificate | None:
    text = _read(path)
    if text is None:
        return None
    try:
        return x509.load_pem_x509_certificate(text)
    except ValueError:
        raise AuthorityUnusable(path=path, reason="it is no certificate") from None


def _key(path: Path) -> ec.EllipticCurvePrivateKey | None:
    text = _read(path)
    if text is None:
        return None
    try:
        key = serialization.load_pem_private_key(text, password=None)
    except (TypeError, ValueError):
        raise AuthorityUnusable(path=path, reason="it is no key in the clear") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise AuthorityUnusable(path=path, reason="it is no key of an elliptic curve")
    return key


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _write(path: Path, text: str, mode: int) -> None:
    """In one step, and on the disk before it is seen. Nobody else may read a key meanwhile."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    new = Path(name)
    try:
        with os.fdopen(descriptor, "w") as file:
            os.fchmod(descriptor, mode)
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
