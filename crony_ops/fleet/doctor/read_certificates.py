"""The certificates that etcd shows, that hosts have told of, and that stand on this machine."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509

from crony_ops.fleet.doctor.facts import Certificate, HostLook

if TYPE_CHECKING:
    from crony_ops.store.settings import EtcdSettings

_PATIENCE = 5.0
_AT_ONCE = 16


def shown_by_etcd(settings: EtcdSettings, addresses: Iterable[str]) -> list[Certificate]:
    """That of each ``host:port``; nothing where etcd speaks without TLS."""
    if not settings.tls:
        return []
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(lambda address: _shown(settings, address), addresses))


def on_hosts(looks: Iterable[HostLook]) -> list[Certificate]:
    found = []
    for look in looks:
        for pem in look.facts.certificates if look.facts else ():
            if pem.error:
                found.append(Certificate(pem.path, look.name, error=pem.error))
            else:
                found.append(_read(pem.path, look.name, pem.pem.encode()))
    return found


def on_this_machine(files: Iterable[Path]) -> list[Certificate]:
    """Of these files; one with a key and no certificate is passed over."""
    found = []
    for file in files:
        try:
            text = file.read_bytes()
        except OSError as error:
            found.append(Certificate(str(file), "here", error=error.strerror or str(error)))
            continue
        if b"-----BEGIN CERTIFICATE-----" in text:
            found.append(_read(str(file), "here", text))
    return found


def _shown(settings: EtcdSettings, address: str) -> Certificate:
    host, _, port = address.rpartition(":")
    place = f"what etcd shows at {address}"
    # Only looked at, so one that has ended is read all the same; nothing is sent but ours.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        if settings.cert_file and settings.key_file:
            context.load_cert_chain(settings.cert_file, settings.key_file)
        with (
            socket.create_connection((host.strip("[]"), int(port)), _PATIENCE) as connection,
            context.wrap_socket(connection, server_hostname=host.strip("[]")) as wrapped,
        ):
            shown = wrapped.getpeercert(binary_form=True)
        return _dates(place, "", x509.load_der_x509_certificate(shown or b""))
    except OSError as error:
        return Certificate(place, "", error=error.strerror or str(error))
    except ValueError:
        return Certificate(place, "", error="it is no certificate")


def _read(place: str, host: str, pem: bytes) -> Certificate:
    try:
        return _dates(place, host, x509.load_pem_x509_certificate(pem))
    except ValueError:
        return Certificate(place, host, error="it is no certificate")


def _dates(place: str, host: str, read: x509.Certificate) -> Certificate:
    begins, ends = read.not_valid_before_utc, read.not_valid_after_utc
    return Certificate(place, host, begins.timestamp(), ends.timestamp())
