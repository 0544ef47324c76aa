"""Whose certificates are believed when an alert is sent."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from crony_ops.alerts.message import Undelivered

if TYPE_CHECKING:
    from pathlib import Path


def authorities(ca_file: Path | None) -> ssl.SSLContext:
    """Those of the file, else the system's. Reads the disk: not for the event loop. Raises
    Undelivered."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        reason = f"{ca_file} holds no authorities to trust: {tls_fault(error)}"
        raise Undelivered(reason=reason, permanent=False) from None


def tls_fault(error: OSError) -> str:
    """In plain words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, ssl.SSLError):
        return (error.reason or "an unknown fault").lower().replace("_", " ")
    return error.strerror or "it can't be read"
