"""How the servers of HTTP jobs prove who they are, and how a job does: always verified."""

from __future__ import annotations

import functools
import os
import ssl
from typing import TYPE_CHECKING

from crony_ops.probe import ask_apart

if TYPE_CHECKING:
    from crony_ops.model.job import HttpAction

_Stamp = tuple[int, int, int]


class NoTls(Exception):
    """A file of certificates or keys is of no use. The message names it, and why."""


async def context_of(action: HttpAction) -> ssl.SSLContext | bool:
    """What aiohttp takes as ``ssl``: True is the system's authorities.

    Made once for each version of the files, off the loop: that takes milliseconds, and a disk may
    not answer. Raises NoTls.
    """
    if action.ca_file is None and action.client_cert is None:
        return True
    files = action.ca_file, action.client_cert, action.client_key
    return await ask_apart(files, lambda: _read(*files))


def in_plain_words(error: ssl.SSLError) -> str:
    return (error.reason or "an unknown fault").lower().replace("_", " ")


def _read(ca_file: str | None, certificate: str | None, key: str | None) -> ssl.SSLContext:
    stamps = tuple(_stamp(path) for path in (ca_file, certificate, key))
    return _context(ca_file, certificate, key, stamps)


def _stamp(path: str | None) -> _Stamp | None:
    if path is None:
        return None
    try:
        found = os.stat(path)  # noqa: PTH116 - a path, and nothing more to do with it
    except OSError as error:
        raise NoTls(f"{path}: {error.strerror}") from None
    return found.st_mtime_ns, found.st_ino, found.st_size


@functools.lru_cache(maxsize=64)
def _context(
    ca_file: str | None,
    certificate: str | None,
    key: str | None,
    stamps: tuple[_Stamp | None, ...],  # noqa: ARG001 - changed files make another context
) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except (OSError, ValueError) as error:
        raise NoTls(f"{ca_file} holds no authorities to trust: {_say(error)}") from None
    if certificate is not None:
        try:
            # Without a password, or OpenSSL asks for one on the agent's terminal.
            context.load_cert_chain(certificate, key, password="")
        except (OSError, ValueError) as error:
            files = " and ".join(path for path in (certificate, key) if path is not None)
            raise NoTls(f"no certificate with its key in {files}: {_say(error)}") from None
    return context


def _say(error: OSError | ValueError) -> str:
    if isinstance(error, ssl.SSLError):
        return in_plain_words(error)
    return getattr(error, "strerror", None) or str(error)
