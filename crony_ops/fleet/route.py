"""How ssh gets to a host: what Ansible knows of it, resolved by ssh's own word.

The variables of the inventory and Ansible's settings become the arguments that Ansible would give
to ssh, and `ssh -G` says what they amount to, with the user's own `~/.ssh/config`. So a host is
reached from here as a playbook reaches it, and as `ssh` does.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crony_ops.errors import CronyError

_PATIENCE = 30
_TEMPLATE = "{{"
_TOKEN = re.compile("%.")


class NoRoute(CronyError):
    """What is known of a host is not enough to reach it, or can't be used."""

    message = "{host} can't be reached by ssh: {reason}"


@dataclass(frozen=True, slots=True)
class Route:
    """``host`` is the inventory's name. ``known_hosts`` are the files that vouch for host keys, the
    first is where a new one goes; ``key_name`` is what they call this one, if not its address.
    ``strict`` is ssh's StrictHostKeyChecking: ``true`` (also for ``ask``: nobody is asked here),
    ``accept-new`` or ``false``. ``proxy`` is a ProxyCommand. ``python`` is the host's."""

    host: str
    address: str
    port: int
    user: str
    keys: tuple[Path, ...]
    known_hosts: tuple[Path, ...]
    strict: str
    key_name: str
    proxy: str
    agent: bool
    python: str


def find_route(host: str, variables: Mapping[str, Any], defaults: Mapping[str, Any]) -> Route:
    """``variables`` are the host's in the inventory, ``defaults`` as `ssh_defaults` gives them.

    Raises NoRoute.
    """
    ssh = shutil.which("ssh")
    if ssh is None:
        raise NoRoute(host=host, reason="there is no ssh on this machine")
    arguments = ssh_arguments(host, variables, defaults)
    try:
        done = subprocess.run(
            [ssh, "-G", *arguments], capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoRoute(host=host, reason=str(error)) from error
    if done.returncode:
        words = done.stderr.strip().splitlines() or [f"ssh -G ends with {done.returncode}"]
        raise NoRoute(host=host, reason=words[-1])
    return route_of(host, done.stdout, str(variables.get("ansible_python_interpreter", "")))


def ssh_defaults(folder: Path) -> dict[str, Any]:
    """What `ansible.cfg` (that of ``folder``, if it has one) and the environment say of ssh, by the
    word of `ansible-config`; nothing where that can't be asked."""
    name = "ansible-config"
    program = shutil.which(name) or shutil.which(Path(sys.executable).with_name(name))
    if program is None:
        return {}
    try:
        done = subprocess.run(
            [program, "dump", "--type", "connection", "--only-changed", "--format", "json"],
            cwd=folder,
            capture_output=True,
            timeout=_PATIENCE,
            check=True,
        )
        listed = json.loads(done.stdout)
        return {
            option["name"]: option["value"] for each in listed for option in each.get("ssh", ())
        }
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def ssh_arguments(
    host: str, variables: Mapping[str, Any], defaults: Mapping[str, Any]
) -> list[str]:
    """Those of Ansible's, in its order: of an option that is given twice ssh takes the first.

    Raises NoRoute for a host that Ansible reaches by other means, or by a template.
    """

    def known(*names: str, default: str = "") -> str:
        for name in names:
            if variables.get(name) not in (None, ""):
                value = str(variables[name])
                if _TEMPLATE in value:
                    raise NoRoute(
                        host=host, reason=f"{name} is a template, and they are not read here"
                    )
                return value
        usual = defaults.get(default)
        return "" if usual is None else str(usual)

    kind = known("ansible_connection") or "ssh"
    if kind not in ("ssh", "smart", "paramiko", "ansible.builtin.ssh"):
        raise NoRoute(host=host, reason=f"its ansible_connection is {kind}")
    checked = known(
        "ansible_ssh_host_key_checking", "ansible_host_key_checking", default="host_key_checking"
    )
    arguments = _split(host, known("ansible_ssh_args", default="ssh_args"))
    if checked.lower() in ("false", "no", "0", "off"):
        arguments += ["-o", "StrictHostKeyChecking=no"]
    options = (
        ("Port", known("ansible_port", "ansible_ssh_port", default="port")),
        (
            "IdentityFile",
            known(
                "ansible_ssh_private_key_file",
                "ansible_private_key_file",
                default="private_key_file",
            ),
        ),
        ("User", known("ansible_user", "ansible_ssh_user", default="remote_user")),
    )
    for option, value in options:
        arguments += ["-o", f"{option}={value}"] if value else []
    arguments += _split(host, known("ansible_ssh_common_args", default="ssh_common_args"))
    arguments += _split(host, known("ansible_ssh_extra_args", default="ssh_extra_args"))
    address = known("ansible_host", "ansible_ssh_host") or host
    if address.startswith("-"):
        raise NoRoute(host=host, reason=f"{address!r} is no address")
    return [*arguments, "--", address]


def route_of(host: str, told: str, python: str = "") -> Route:
    """From what `ssh -G` prints. Pure."""
    lines = [line.partition(" ")[::2] for line in told.splitlines()]
    by_name = dict(reversed(lines))  # of those that come twice the first counts

    def one(name: str) -> str:
        value = by_name.get(name, "")
        return "" if value == "none" else value

    def files(names: Sequence[str]) -> tuple[Path, ...]:
        return tuple(Path(name).expanduser() for name in names if name not in ("none", "/dev/null"))

    tokens = {"%h": one("hostname") or host, "%n": host, "%p": one("port") or "22"}
    tokens |= {"%r": one("user"), "%%": "%"}
    strict = {"yes": "true", "ask": "true", "no": "false", "off": "false"}
    told_strict = one("stricthostkeychecking") or "ask"
    return Route(
        host=host,
        address=one("hostname") or host,
        port=int(one("port") or 22),
        user=one("user"),
        keys=files([value for name, value in lines if name == "identityfile"]),
        known_hosts=files(
            [*one("userknownhostsfile").split(), *one("globalknownhostsfile").split()]
        ),
        strict=strict.get(told_strict, told_strict),
        key_name=one("hostkeyalias"),
        proxy=_TOKEN.sub(
            lambda token: tokens.get(token[0], token[0]),
            one("proxycommand") or _by_way_of(one("proxyjump")),
        ),
        agent=by_name.get("identityagent", "") != "none",
        python=python if python.startswith("/") else "python3",
    )


def _by_way_of(jumps: str) -> str:
    """What ssh itself makes of ProxyJump; it never asks for a password."""
    if not jumps:
        return ""
    *before, last = jumps.split(",")
    first = f"-J {shlex.quote(','.join(before))} " if before else ""
    return f"ssh -o BatchMode=yes {first}-W [%h]:%p {shlex.quote(last)}"


def _split(host: str, arguments: str) -> list[str]:
    try:
        return shlex.split(arguments)
    except ValueError as error:
        raise NoRoute(host=host, reason=f"its ssh arguments {arguments!r}: {error}") from error


def login_of(host: str, variables: Mapping[str, Any]) -> str:
    """What a person types behind ``ssh``, as far as the inventory tells."""
    told = {
        name: str(value)
        for name, value in variables.items()
        if name in ("ansible_host", "ansible_user", "ansible_port") and _TEMPLATE not in str(value)
    }
    user = f"{told['ansible_user']}@" if told.get("ansible_user") else ""
    port = f"-p {told['ansible_port']} " if told.get("ansible_port", "22") != "22" else ""
    return f"{port}{user}{told.get('ansible_host', host)}"
