"""What a failed call means for the request: was it applied, and may it be sent again?"""

from __future__ import annotations

import enum
import re

from grpc import StatusCode

from crony_ops.errors import Compacted, StoreRefused


class Verdict(enum.Enum):
    NEVER_SENT = enum.auto()
    """No server took it up: any request may be sent again, to another endpoint."""
    BUSY = enum.auto()
    """The server turned it away unread: any request may be sent again, a little later."""
    UNKNOWN = enum.auto()
    """It may have been applied: only what is harmless twice may be sent again."""
    OUTDATED = enum.auto()
    """Somebody's rights were changed meanwhile and nothing was done: it may be sent again."""
    UNAUTHENTICATED = enum.auto()
    """The token was not taken and nothing was done: log in, then send it again."""
    REFUSED = enum.auto()
    """Answered with no; it would be refused again."""


_NEVER_SENT = (
    "failed to connect",
    "connections to all backends failing",
    "name resolution",
    "dns resolution",
    "etcdserver: no leader",
)
_BAD_TOKEN = (
    "invalid auth token",
    "user name is empty",
)
_UNSURE = (
    StatusCode.UNAVAILABLE,
    StatusCode.DEADLINE_EXCEEDED,
    StatusCode.CANCELLED,
    StatusCode.INTERNAL,
    StatusCode.UNKNOWN,
    StatusCode.ABORTED,
    StatusCode.DATA_LOSS,
)


def verdict(code: StatusCode, details: str) -> Verdict:
    """Judge a status. etcd's own words decide where its codes don't tell enough."""
    words = details.lower()
    if "revision of auth store is old" in words:
        return Verdict.OUTDATED
    if code is StatusCode.UNAUTHENTICATED or any(phrase in words for phrase in _BAD_TOKEN):
        return Verdict.UNAUTHENTICATED
    if code is StatusCode.UNAVAILABLE and any(phrase in words for phrase in _NEVER_SENT):
        return Verdict.NEVER_SENT
    if code is StatusCode.RESOURCE_EXHAUSTED:
        if "too many requests" in words:
            return Verdict.BUSY
        # An answer too large for us is an answer: the request behind it was done.
        return Verdict.UNKNOWN if "received message larger" in words else Verdict.REFUSED
    return Verdict.UNKNOWN if code in _UNSURE else Verdict.REFUSED


def refusal(reason: str, code: str) -> Compacted | StoreRefused:
    """The error that tells of a no. ``code`` is the name of a StatusCode."""
    if "has been compacted" in reason:
        return Compacted(revision="asked for", oldest="not told")
    return StoreRefused(reason=reason.removeprefix("etcdserver: "), code=code)


_AROUND = re.compile(
    r"failed to connect to all addresses; last error: (?:[A-Z]+: )?(?:ipv\S+ )?"
    r"(?:Failed to connect to remote host: )?"
)


def in_words(details: str) -> str:
    """The cause alone: of which endpoint, its reader is told beside it."""
    words = _AROUND.sub("", details)
    return "connected, but no answer came" if "before receiving SETTINGS" in words else words
