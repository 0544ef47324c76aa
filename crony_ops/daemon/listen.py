"""Where a daemon listens: ``host:port``, or nowhere."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator


def split_address(listen: str) -> tuple[str, int]:
    """``127.0.0.1:9107`` or ``[::1]:9107`` as host and port. Raises ValueError."""
    host, colon, port = listen.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if not colon or not host.strip("[]") or (":" in host and not bracketed):
        raise ValueError(f"{listen!r} is not host:port, like 127.0.0.1:9107 or [::1]:9107")
    if not (port.isascii() and port.isdigit() and int(port) <= 65535):
        raise ValueError(f"{port!r} is no port")
    return host.strip("[]"), int(port)


def _checked(listen: str) -> str:
    if listen:
        split_address(listen)
    return listen


Listen = Annotated[str, AfterValidator(_checked)]
"""``host:port``; port 0 takes a free one, and an empty text listens nowhere."""
