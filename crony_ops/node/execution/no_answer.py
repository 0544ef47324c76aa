"""Why a request got no answer, in words. None of them quotes a URL: secrets may stand there."""

from __future__ import annotations

import errno
import os
import re
import ssl
from typing import TYPE_CHECKING

import aiohttp

from crony_ops.model.duration import format_duration
from crony_ops.node.execution.tls import in_plain_words

if TYPE_CHECKING:
    from crony_ops.model.job import HttpAction

_ERRNO = re.compile(r"\[Errno (\d+)\]")


class NoAnswer(Exception):
    """No answer came, or not all of it; the message says why."""


class WouldTellSecrets(aiohttp.ClientError):
    """Following a redirect would send a secret to another host."""


def in_words(error: Exception, action: HttpAction, *, begun: bool) -> str:
    """``begun``: whether the answer had begun."""
    match error:
        case WouldTellSecrets():
            return "redirected to another host, which must not get the secret in the body"
        case aiohttp.TooManyRedirects():
            return f"more than {action.max_redirects} redirects"
        case aiohttp.RedirectClientError():
            return "redirected to what is no http:// or https:// URL"
        case aiohttp.ConnectionTimeoutError():
            return f"no connection within {format_duration(action.connect_timeout)}"
        case aiohttp.ClientConnectorError():
            return _no_connection(error, f"{error.host}:{error.port}")
        case aiohttp.ClientPayloadError():
            return "the connection ended before the answer did"
        case aiohttp.ClientResponseError():
            return "what came is no proper HTTP answer"
        case aiohttp.ServerDisconnectedError() | OSError():
            return _broken_off(error, action, begun)
        case ValueError():  # from aiohttp and yarl, whose words quote the value
            return "this is no URL, or a header holds what can't be sent"
    return f"{type(error).__name__}, of which no more may be said"


def _no_connection(error: aiohttp.ClientConnectorError, place: str) -> str:
    cause = error.os_error
    if isinstance(cause, ssl.SSLCertVerificationError):
        fault = cause.verify_message.rstrip(".")
        return f"the certificate of {place} is not trusted: {fault}"
    if isinstance(cause, ssl.SSLError):
        return f"no TLS with {place}: {in_plain_words(cause)}"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return f"the name {error.host} can't be resolved: {cause.strerror or 'no answer'}"
    return f"no connection to {place}: {_strerror(cause)}"


def _strerror(error: OSError) -> str:
    """The system's word for it. Python's own may be of the kind `Connect call failed (…)`, and for
    a name with many addresses it is a list of them."""
    listed = _ERRNO.search(str(error))
    number = error.errno or (int(listed[1]) if listed else None)
    return os.strerror(number) if number else "it was broken off"


def _broken_off(error: Exception, action: HttpAction, begun: bool) -> str:
    """Of a connection that stood."""
    how = "was reset" if getattr(error, "errno", None) == errno.ECONNRESET else "was closed"
    if begun:
        return f"the connection {how} before the answer had ended"
    said = f"the connection {how} before an answer came"
    if action.url.startswith("https"):
        said += " (so ends one whose client certificate is missing or refused, too)"
    return said
