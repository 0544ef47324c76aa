"""Running one program on a host, over SSH. Imports fabric, which takes its time.

Nobody is asked for anything: keys come from files and the user's agent. A host must show a key that
its user's ssh would take, see `host_keys`. Each step is bounded in time.
"""

from __future__ import annotations

import contextlib
import logging
import shlex
import socket
import time
from collections.abc import Iterator
from subprocess import SubprocessError
from typing import Any

import paramiko
from fabric import Config, Connection

from crony_ops.errors import CronyError
from crony_ops.fleet.host_keys import KnownKeys, host_name, known_keys
from crony_ops.fleet.route import NoRoute, Route

# It tells of each failure by an exception, and on stderr once more.
logging.getLogger("paramiko").setLevel(logging.CRITICAL)

CONNECT = 5.0
"""Seconds for each step on the way in: TCP, SSH's own greeting, the login."""

_CHUNK = 1 << 16
_MOST_OUTPUT = 8 << 20
_ALIVE_EVERY = 5
# The source comes over stdin: a command line goes to sudo's log, and has its limit.
_LOADER = "import sys; exec(sys.stdin.buffer.read(int(sys.argv.pop(1))))"
_AS_ROOT = 'if [ "$(id -u)" != 0 ]; then set -- sudo -n -- "$@"; fi; exec "$@"'
_AS_ROOT_IF_MAY = (
    'if [ "$(id -u)" != 0 ] && sudo -n true 2>/dev/null; then set -- sudo -n -- "$@"; fi; exec "$@"'
)


class ProgramFailed(CronyError):
    """The host was reached, and did not do what was asked."""

    message = "{host}: {reason}"


def run_program(
    route: Route, program: str, *arguments: str, seconds: float, as_root: bool = True
) -> bytes:
    """What ``program``, Python source, prints on the host, within ``seconds`` from its start.

    It runs as root: not ``as_root``, only if that user may become root unasked. Raises NoRoute and
    ProgramFailed.
    """
    with running(route, program, *arguments, as_root=as_root) as channel:
        deadline = time.monotonic() + seconds
        channel.shutdown_write()
        output = bytearray()
        try:
            while True:
                channel.settimeout(max(deadline - time.monotonic(), 0.001))
                piece = channel.recv(_CHUNK)
                if not piece:
                    break
                output += piece
                if len(output) > _MOST_OUTPUT:
                    raise ProgramFailed(host=route.host, reason="it says more than can be right")
        except TimeoutError:
            reason = f"no answer within {seconds:.0f} s"
            raise ProgramFailed(host=route.host, reason=reason) from None
        raise_if_failed(route, channel)
    return bytes(output)


def raise_if_failed(route: Route, channel: Any) -> None:
    """Once all its output is read. Raises ProgramFailed with the last line of what it complains."""
    try:
        channel.settimeout(CONNECT)
        complaint = b""
        while len(complaint) < _MOST_OUTPUT and (piece := channel.recv_stderr(_CHUNK)):
            complaint += piece
    except TimeoutError:
        pass
    if not channel.status_event.wait(CONNECT):
        raise ProgramFailed(host=route.host, reason="the connection broke")
    status = channel.recv_exit_status()
    if status:
        lines = complaint.decode(errors="replace").strip().splitlines()
        said = lines[-1] if lines else "the connection broke" if status < 0 else f"exit {status}"
        raise ProgramFailed(host=route.host, reason=said)


@contextlib.contextmanager
def running(route: Route, program: str, *arguments: str, as_root: bool = True) -> Iterator[Any]:
    """The channel of a program that runs: its stdin is ours, and ends when this is left.

    Raises NoRoute, and ProgramFailed where the host runs no programs.
    """
    source = program.encode()
    words = [route.python, "-I", "-c", _LOADER, str(len(source)), *arguments]
    shell = _AS_ROOT if as_root else _AS_ROOT_IF_MAY
    command = shlex.join(["sh", "-c", shell, "sh", *words])
    with _connected(route) as connection:
        try:
            channel = connection.create_session()
            channel.settimeout(CONNECT)
            channel.exec_command(command)
            channel.sendall(source)
        except (OSError, EOFError, paramiko.SSHException) as error:
            raise ProgramFailed(host=route.host, reason=_in_words(error)) from error
        with contextlib.closing(channel):
            yield channel


@contextlib.contextmanager
def _connected(route: Route) -> Iterator[Connection]:
    try:
        name = host_name(route.address, route.port, route.key_name)
        known = known_keys(name, route.known_hosts)
        connection = Connection(
            host=route.address,
            user=route.user,
            port=route.port,
            gateway=route.proxy or None,
            connect_timeout=CONNECT,
            # Neither fabric's own files nor ~/.ssh/config: the route is what they amount to.
            config=Config(lazy=True, ssh_config=paramiko.SSHConfig()),
            connect_kwargs={
                "key_filename": [str(key) for key in route.keys if key.is_file()],
                "allow_agent": route.agent,
                "look_for_keys": False,
                "banner_timeout": CONNECT,
                "auth_timeout": CONNECT,
                "channel_timeout": CONNECT,
                "disabled_algorithms": {"keys": known.refused_algorithms()}
                if route.strict != "false"
                else {},
            },
        )
        connection.client.set_missing_host_key_policy(_AsSshDoes(route, name, known))
        connection.open()
    except (OSError, EOFError, SubprocessError, paramiko.SSHException) as error:
        raise NoRoute(host=route.host, reason=_in_words(error)) from error
    try:
        connection.transport.set_keepalive(_ALIVE_EVERY)
        yield connection
    finally:
        connection.close()


class _AsSshDoes(paramiko.MissingHostKeyPolicy):  # type: ignore[misc]
    """Judges every host key: the client itself is told of none."""

    def __init__(self, route: Route, name: str, known: KnownKeys) -> None:
        self._route = route
        self._name = name
        self._known = known

    def missing_host_key(self, client: Any, hostname: str, key: Any) -> None:  # noqa: ARG002
        if self._route.strict == "false":
            return
        kind, text = key.get_name(), key.get_base64()
        trouble = self._known.trouble(kind, text)
        if trouble:
            raise paramiko.SSHException(trouble)
        if trouble is None:
            if self._route.strict != "accept-new":
                raise paramiko.SSHException(
                    f"its host key is not known here: `ssh {self._route.address}` once, and look"
                )
            self._note(f"{self._name} {kind} {text}\n")

    def _note(self, line: str) -> None:
        """So that it is held to this key from now on."""
        if self._route.known_hosts:
            file = self._route.known_hosts[0]
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with file.open("a") as known:
                known.write(line)


def _in_words(error: Exception) -> str:
    if isinstance(error, paramiko.PasswordRequiredException):
        return "its key wants a passphrase: `ssh-add` it"
    if isinstance(error, paramiko.AuthenticationException):
        return "it takes none of this user's keys"
    if isinstance(error, paramiko.ssh_exception.NoValidConnectionsError):
        causes = [cause.strerror or str(cause) for cause in error.errors.values()]
        return causes[0].lower() if causes else "nobody answers"
    if isinstance(error, socket.gaierror):
        return "its address can't be looked up"
    if isinstance(error, TimeoutError):
        return f"nobody answers within {CONNECT:.0f} s"
    if isinstance(error, EOFError):
        return "the connection broke"
    words = " ".join(str(error).split())
    if "protocol banner" in words or "No existing session" in words:  # whichever ends first
        return "it takes the connection, and is silent"
    return words[:200] or type(error).__name__
